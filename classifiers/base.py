"""The seam of the estimates: how likely is each tier to pass this task, before any call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cascade.types import Task


class Classifier(Protocol):
    """Estimates P(pass) by tier. Found by entry point in the group `cascade.classifiers`."""

    @property
    def name(self) -> str:
        """A short stable name for the trace."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever the estimates change."""
        ...

    def probabilities(self, task: Task, tiers: Sequence[str]) -> dict[str, float]:
        """P(a first attempt at the tier passes), each in [0, 1], for every name in `tiers`."""
        ...
