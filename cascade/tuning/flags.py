"""Figures that are 0 or 1 (which check failed, cut off, the same answer again), fitted beside the others by EM.

Bernoulli by class, one rate for wrong and one for right attempts, each pulled to its mean over the classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cascade.policy.latent import Flag
from cascade.replay.table import Bools, Floats

_PULL = 3.0


def is_flag(name: str, values: Floats) -> bool:
    """Whether a column says yes or no: from 0 to 1, both ends there, and most values at one of them."""
    ends = (values == 0) | (values == 1)
    both = bool(values.size) and float(values.min()) == 0 and float(values.max()) == 1
    return name != "cost_usd" and both and float(ends.mean()) >= 0.5


@dataclass(slots=True)
class FlagFigure:
    """One such figure of one arm: values (n,) where seen, and rates (K,) of wrong and of right attempts."""

    arm: int
    name: str
    seen: Bools
    values: Floats
    classes: int
    weight: float = 0.0
    wrong: Floats = field(init=False)
    right: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.wrong = self.right = np.full(self.classes, 0.5)

    @property
    def column(self) -> Floats:
        """The values as they are compared with other figures'."""
        return self.values

    def log_likelihoods(self, wrong: Floats, right: Floats) -> Floats:
        """By task and class, (n, K), each task's by the weight (n,) it has as a wrong and as a right attempt."""
        x, held = self.values[:, None], ((wrong, self.wrong), (right, self.right))
        return np.asarray(
            sum(weight[:, None] * (x * np.log(p) + (1 - x) * np.log1p(-p)) for weight, p in held)
        )

    def fit(self, wrong: Floats, right: Floats, shares: Floats) -> None:
        """Rates given the classes: weights (n,), shares (n, K)."""
        self.wrong, self.right = self._rate(wrong, shares), self._rate(right, shares)

    def _rate(self, weight: Floats, shares: Floats) -> Floats:
        mean = (float(weight @ self.values) + 0.5) / (float(weight.sum()) + 1.0)
        hits, tries = (weight * self.values) @ shares, weight @ shares
        return np.asarray((hits + _PULL * mean) / (tries + _PULL))

    def trace(self) -> Flag:
        """What is known of it once an attempt was rejected."""
        return Flag(tuple(self.wrong.tolist()), self.weight)
