"""Figures that are 0 or 1 (which check failed, cut off, the same answer again), fitted beside the others by EM.

Bernoulli by class, one rate for wrong and one for right attempts, each pulled to its mean over the classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from cascade.policy.latent import Flag
from cascade.replay.table import Bools, Floats

_PULL = 3.0
_FEW = 8
_TELLING = 3.0


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

    def split(self, side: Floats) -> None:
        """Begin with a yes on one side and a no on the other; side: (K,), -1 or 1."""
        self.wrong = 0.5 + 0.4 * side

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


def telling(flags: Sequence[FlagFigure], outcome: Floats, wrong: Floats) -> FlagFigure | None:
    """The flag after which the other arms fare most differently from each other, or None if none does.

    A flag that moves all arms alike tells of difficulty. One that moves a retry up and another tier down tells of a
    kind of failure. Each arm's P(right | yes) - P(right | no) is compared with every other's, in standard errors
    (3 and more count). outcome: (n, A), NaN where not known; wrong: (n, A).
    """
    scored = [(_contrast(flag, outcome, wrong), flag) for flag in flags]
    best = max(scored, key=lambda pair: pair[0], default=None)
    return best[1] if best is not None and best[0] >= _TELLING else None


def _contrast(flag: FlagFigure, outcome: Floats, wrong: Floats) -> float:
    rows = np.flatnonzero(flag.seen)
    failed = wrong[rows, flag.arm] > 0.5
    yes, rows = flag.values[failed] > 0.5, rows[failed]
    found = []
    for k in range(outcome.shape[1]):
        after = outcome[rows, k]
        one, other = after[yes & np.isfinite(after)], after[~yes & np.isfinite(after)]
        if k != flag.arm and min(one.size, other.size) >= _FEW:
            error = (one.var() + 1 / (4 * one.size)) / one.size + (
                other.var() + 1 / (4 * other.size)
            ) / other.size
            found.append((float(one.mean() - other.mean()), float(error)))
    return max(
        (abs(a - b) / math.sqrt(u + w) for (a, u), (b, w) in combinations(found, 2)),
        default=0.0,
    )
