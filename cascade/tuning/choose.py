"""Chooses a member of a family on tasks its search part did not hold.

Small tables are cross-fitted: each fold is judged by what the other folds taught. Members are tested from
the most generous dial to the stingiest, and testing stops at the first that fails, so that the chance of
keeping any member that breaks the promise is at most the level of one test (fixed-sequence testing in
learn-then-test: Angelopoulos et al., arXiv 2110.01052, section 4.1; Bauer, 1991).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cascade.replay.engine import play
from cascade.replay.table import Floats, Ints, OutcomeTable
from cascade.tuning.families import Family, Learnt, Space

FOLDS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A member on the choosing tasks: success and cost by task, in USD."""

    family: str
    value_usd: float
    success: Floats
    cost: Floats

    @property
    def point(self) -> tuple[float, float]:
        """Mean success and mean cost."""
        return float(self.success.mean()), float(self.cost.mean())


@dataclass(slots=True)
class Bench:
    """A family, learnt fold by fold (or once, if a separate choosing part is given), and its trials so far."""

    family: Family
    table: OutcomeTable
    space: Space
    folds: Ints
    apart: OutcomeTable | None = None
    learnt: list[Learnt] = field(default_factory=list)
    trials: dict[float, Trial] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.apart is not None:
            self.learnt = [self.family.learn(self.table, self.space)]
            return
        for fold in np.unique(self.folds):
            rest = np.flatnonzero(self.folds != fold)
            self.learnt.append(self.family.learn(self.table.rows(rest), self.space))

    def trial(self, value_usd: float) -> Trial:
        """The member with this dial, judged on tasks it did not learn from."""
        if value_usd not in self.trials:
            self.trials[value_usd] = self._play(value_usd)
        return self.trials[value_usd]

    def _play(self, value_usd: float) -> Trial:
        verifier = self.space.verifier
        if self.apart is not None:
            played = play(self.apart, self.learnt[0].plan(value_usd), verifier=verifier)
            return Trial(self.family.name, value_usd, played.success, played.cost)
        success, cost = np.empty(len(self.table)), np.empty(len(self.table))
        for fold, learnt in zip(np.unique(self.folds), self.learnt, strict=True):
            here = np.flatnonzero(self.folds == fold)
            played = play(self.table.rows(here), learnt.plan(value_usd), verifier=verifier)
            success[here], cost[here] = played.success, played.cost
        return Trial(self.family.name, value_usd, success, cost)


def folds(n: int, seed: int, count: int = FOLDS) -> Ints:
    """A fold for each of n tasks, sizes as equal as can be."""
    return np.asarray(np.random.default_rng(seed).permutation(n) % count, dtype=np.intp)


def dials(table: OutcomeTable, count: int = 24) -> list[float]:
    """Worths of a solved task to try, stingiest first: from where hardly any tier pays to where all do."""
    means = [table.mean_cost(k) for k in range(len(table.arms))]
    known = [mean for mean in means if np.isfinite(mean) and mean > 0]
    low, high = (min(known) * 0.7, max(known) * 60) if known else (0.01, 1.0)
    return [float(v) for v in np.geomspace(low, high, count)]


def front(trials: Sequence[Trial]) -> list[Trial]:
    """The trials that no other beats in both success and cost, cheapest first."""
    kept: list[Trial] = []
    for trial in sorted(trials, key=lambda one: (one.point[1], -one.point[0])):
        if not kept or trial.point[0] > kept[-1].point[0]:
            kept.append(trial)
    return kept
