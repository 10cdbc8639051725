"""The same rig as for embedding."""

from __future__ import annotations

from tests.integrations.conftest import rig

__all__ = ["rig"]
