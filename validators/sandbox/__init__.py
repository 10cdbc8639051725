"""Running model-written code so that it can do no harm: the layers, their probe, and the runs."""

from __future__ import annotations

from cascade.validators.sandbox.limits import Completed, Limits
from cascade.validators.sandbox.sandbox import Sandbox, Use, open_sandbox

__all__ = ["Completed", "Limits", "Sandbox", "Use", "open_sandbox"]
