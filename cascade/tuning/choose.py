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

from cascade.replay.table import Ints, OutcomeTable
from cascade.tuning.choosing import Choosing, Trial
from cascade.tuning.families import Family, Learnt

FOLDS = 5


@dataclass(slots=True)
class Bench:
    """A family and its trials so far. learnt: by fold of the choosing tasks, each from tasks of other folds."""

    family: Family
    learnt: Sequence[Learnt]
    choosing: Choosing
    trials: dict[float, Trial] = field(default_factory=dict)

    def trial(self, value_usd: float) -> Trial:
        """The member with this dial, judged on tasks it did not learn from."""
        if value_usd not in self.trials:
            plans = [learnt.plan(value_usd) for learnt in self.learnt]
            self.trials[value_usd] = self.choosing.trial(self.family.name, value_usd, plans)
        return self.trials[value_usd]


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
