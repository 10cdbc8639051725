"""Running model-written code so that it can do no harm: the layers, their probe, and the runs."""

from __future__ import annotations

from cascade.validators.sandbox.limits import Completed, Kind, Limits, Room
from cascade.validators.sandbox.opening import Use, open_sandbox
from cascade.validators.sandbox.sandbox import Sandbox

__all__ = ["Completed", "Kind", "Limits", "Room", "Sandbox", "Use", "open_sandbox"]
