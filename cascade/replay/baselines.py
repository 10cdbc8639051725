"""What any policy has to be held against: each tier alone, a random mix, the best fixed order, the oracle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cascade.policy.steps import Step, Verifier
from cascade.replay.engine import Played, play
from cascade.replay.intervals import Moments
from cascade.replay.plans import FixedPlan
from cascade.replay.table import OutcomeTable


@dataclass(frozen=True, slots=True)
class Figures:
    """One policy's figures. asked: share of tasks that each tier was asked on; spent, wasted: mean USD."""

    name: str
    success: Moments
    cost: Moments
    asked: dict[str, float] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)
    wasted: dict[str, float] = field(default_factory=dict)
    detail: str = ""

    @classmethod
    def of(cls, played: Played, *, detail: str = "") -> Figures:
        """Sum up what a plan came to, over the tasks that the table can answer for."""
        known = ~played.unknown
        return cls(
            name=played.name,
            success=Moments.of(played.success[known]),
            cost=Moments.of(played.cost[known]),
            asked=played.asked,
            spent=played.spent,
            wasted=played.wasted,
            detail=detail,
        )


def always(
    table: OutcomeTable, *, only: Sequence[str] | None = None, verifier: Verifier | None = None
) -> dict[str, Played]:
    """Each tier alone, one attempt, its answer given back whatever the checks say; dearer tiers later."""
    found = {}
    for tier in table.tiers:
        if only is not None and tier not in only:
            continue
        step = table.arms[table.first(tier)]
        found[tier] = play(table, FixedPlan((step,), name=f"always:{tier}"), verifier=verifier)
    return found


@dataclass(frozen=True, slots=True)
class Mix:
    """Tasks sent to one of two tiers by chance, to `high` with probability `share`."""

    low: str
    high: str
    share: float

    @property
    def detail(self) -> str:
        """In words."""
        if self.low == self.high or self.share in (0.0, 1.0):
            return f"{self.high if self.share == 1.0 else self.low} alone: no mix of two tiers costs as much"
        return f"{self.low} with probability {1 - self.share:.2f}, {self.high} with {self.share:.2f}"


def best_mix(alone: Mapping[str, Figures], cost: float) -> Mix:
    """The most successful mix of two tiers at a mean cost as close to `cost` as the tiers allow.

    The pair lies on the upper hull of (cost, success). alone: each tier's own figures; one at least.
    """
    points = [(one.cost.mean, one.success.mean, tier) for tier, one in alone.items()]
    best: tuple[tuple[float, float], Mix] | None = None
    for low in points:
        for high in points:
            if high[0] < low[0]:
                continue
            wanted = min(max(cost, low[0]), high[0])
            share = (wanted - low[0]) / (high[0] - low[0]) if high[0] > low[0] else 0.0
            success = low[1] + share * (high[1] - low[1])
            merit = (-abs(cost - wanted), success)
            if best is None or merit > best[0]:
                best = (merit, Mix(low[2], high[2], share))
    assert best is not None
    return best[1]


def mixed(alone: Mapping[str, Played], mix: Mix, tiers: Sequence[str]) -> Played:
    """What a mix comes to; each task's figures are expectations. tiers: those that could have been mixed."""
    low, high, share = alone[mix.low], alone[mix.high], mix.share
    asked = dict.fromkeys(tiers, 0.0)
    asked[mix.low] += 1 - share
    asked[mix.high] += share
    return Played(
        name="random",
        success=(1 - share) * low.success + share * high.success,
        cost=(1 - share) * low.cost + share * high.cost,
        asked=asked,
        spent={},
        wasted={},
        unknown=low.unknown | high.unknown,
    )


def oracle(table: OutcomeTable, tiers: Sequence[str]) -> Played:
    """The likeliest first attempt for each task, the cheapest of equals: what perfect foresight would pay.

    tiers: to choose from, on all of which every task's outcome and cost are known.
    """
    firsts = [table.first(tier) for tier in tiers]
    outcome, cost = table.outcome[:, firsts], table.cost[:, firsts]
    n = len(table)
    best = outcome.max(axis=1, keepdims=True)
    chosen = np.where(outcome == best, cost, np.inf).argmin(axis=1)
    here = np.arange(n)
    counts = np.bincount(chosen, minlength=len(tiers)) / max(n, 1)
    return Played(
        name="oracle",
        success=outcome[here, chosen],
        cost=cost[here, chosen],
        asked={tier: float(count) for tier, count in zip(tiers, counts, strict=True)},
        spent={},
        wasted={},
        unknown=np.zeros(n, dtype=bool),
    )


FORESIGHT = "foresight: the cheapest tier that is right, for each task"


def best_fixed(table: OutcomeTable, success: float, *, verifier: Verifier | None = None) -> FixedPlan | None:
    """The cheapest fixed order on this log with at least this success; else the most successful one.

    Chosen with hindsight on the very tasks it is shown for (or on a sample of them), so it flatters itself.
    """
    from cascade.replay.orders import all_orders

    orders = all_orders(table, verifier=verifier or Verifier())
    if not orders:
        return None
    enough = [order for order in orders if order.success >= success - 1e-12]
    if enough:
        chosen = min(enough, key=lambda one: one.cost)
    else:
        chosen = max(orders, key=lambda one: (one.success, -one.cost))
    return FixedPlan(chosen.steps, name="fixed")


def single(tier: str) -> FixedPlan:
    """One tier alone."""
    return FixedPlan((Step(tier),), name=f"always:{tier}")
