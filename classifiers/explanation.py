"""What a classifier says beside its numbers: an interval for each tier, and why, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cascade.classifiers.base import Classifier
from cascade.types import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """P(a first attempt passes) with the interval it is believed to lie in, and where it comes from.

    known is False where nothing was learned about this tier, or about tasks like this one.
    """

    p: float
    low: float
    high: float
    known: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The estimates by tier, and one sentence about all of them."""

    estimates: Mapping[str, Estimate]
    reason: str


class ExplainingClassifier(Classifier, Protocol):
    """A classifier that says why."""

    def explain(self, task: Task, tiers: Sequence[str]) -> Explanation:
        """An estimate for every name in `tiers`, cheapest first."""
        ...


def within(p: float, half_width: float) -> tuple[float, float]:
    """The interval p ± half_width, cut at 0 and 1."""
    return max(0.0, p - half_width), min(1.0, p + half_width)


def by_place(first: float, last: float, *, place: int, count: int) -> float:
    """A value between `first` (the cheapest tier) and `last` (the dearest) by the tier's place."""
    return first if count < 2 else first + (last - first) * place / (count - 1)
