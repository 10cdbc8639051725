"""The cascade of two scripted models, with shadows."""

from __future__ import annotations

from tests.integrations.conftest import rig

__all__ = ["rig"]
