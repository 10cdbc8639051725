"""One plan on some tasks, in sums that add up: what a part of a log sends back."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cascade.replay.baselines import Figures
from cascade.replay.engine import Played
from cascade.replay.exact import Totals, added
from cascade.replay.table import Floats


@dataclass(frozen=True, slots=True)
class Sums:
    """A plan's success and cost over the tasks that the log can answer for, and by tier: tasks asked, USD spent and
    wasted. `Sums()` is the identity of `+`.
    """

    success: Totals = field(default_factory=Totals)
    cost: Totals = field(default_factory=Totals)
    asked: dict[str, float] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)
    wasted: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, played: Played) -> Sums:
        """Sum up what a plan came to."""
        known = ~played.unknown
        n = int(known.sum())
        success, cost = _known(played.success, known), _known(played.cost, known)
        by_tier = (played.asked, played.spent, played.wasted)
        return cls(
            Totals.of(success), Totals.of(cost), *({k: v * n for k, v in one.items()} for one in by_tier)
        )

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.success + other.success,
            self.cost + other.cost,
            added(self.asked, other.asked),
            added(self.spent, other.spent),
            added(self.wasted, other.wasted),
        )

    def figures(self, name: str, *, detail: str = "") -> Figures:
        """Means over all tasks."""
        n = max(self.success.n, 1)
        asked, spent, wasted = (
            {tier: total / n for tier, total in one.items()} for one in (self.asked, self.spent, self.wasted)
        )
        return Figures(name, self.success.moments, self.cost.moments, asked, spent, wasted, detail)


def _known(values: Floats, known: np.ndarray) -> Floats:
    return values if known.all() else values[known]
