"""What any policy has to be held against: each tier alone, a random mix, the best fixed order, the oracle."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cascade.policy.steps import Step, Verifier
from cascade.replay.engine import Played, play
from cascade.replay.intervals import Moments
from cascade.replay.plans import FixedPlan, Plan
from cascade.replay.table import Floats, OutcomeTable


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


def always(table: OutcomeTable, *, verifier: Verifier | None = None) -> dict[str, Played]:
    """Each tier alone, one attempt, its answer given back whatever the checks say; dearer tiers later."""
    found = {}
    for tier in table.tiers:
        step = table.arms[table.first(tier)]
        found[tier] = play(table, FixedPlan((step,), name=f"always:{tier}"), verifier=verifier)
    return found


def random_mix(alone: dict[str, Played], cost: float) -> Figures:
    """Tasks sent to one of two tiers by chance, at a mean cost as close to `cost` as the tiers allow.

    The pair on the upper hull of (cost, success), so the best such mix. Each task's figures are expectations.
    """
    points = [(float(np.nanmean(p.cost)), float(np.nanmean(p.success)), tier) for tier, p in alone.items()]
    best: tuple[float, str, str, float] | None = None
    for low in points:
        for high in points:
            if high[0] < low[0]:
                continue
            wanted = min(max(cost, low[0]), high[0])
            share = (wanted - low[0]) / (high[0] - low[0]) if high[0] > low[0] else 0.0
            success = low[1] + share * (high[1] - low[1])
            inside = low[0] <= cost <= high[0]
            merit = success if inside else success - 10 - abs(cost - wanted)
            if best is None or merit > best[0]:
                best = (merit, low[2], high[2], share)
    assert best is not None
    _, low_tier, high_tier, share = best
    return _mixed(alone, low_tier, high_tier, share)


def _mixed(alone: dict[str, Played], low: str, high: str, share: float) -> Figures:
    def mean(a: Floats, b: Floats) -> Moments:
        return Moments.of((1 - share) * a + share * b)

    asked = dict.fromkeys(alone, 0.0)
    asked[low] += 1 - share
    asked[high] += share
    return Figures(
        name="random",
        success=mean(alone[low].success, alone[high].success),
        cost=mean(alone[low].cost, alone[high].cost),
        asked=asked,
        detail=f"{low} with probability {1 - share:.2f}, {high} with {share:.2f}",
    )


def oracle(table: OutcomeTable) -> Figures:
    """The likeliest first attempt for each task, the cheapest of equals: what perfect foresight would pay."""
    tiers = table.tiers
    firsts = [table.first(tier) for tier in tiers]
    outcome, cost = table.outcome[:, firsts], table.cost[:, firsts]
    rows = np.flatnonzero(np.isfinite(outcome).all(axis=1) & np.isfinite(cost).all(axis=1))
    outcome, cost = outcome[rows], cost[rows]
    best = outcome.max(axis=1, keepdims=True) if len(rows) else outcome
    chosen = np.where(outcome == best, cost, np.inf).argmin(axis=1) if len(rows) else rows
    here = np.arange(len(rows))
    counts = np.bincount(chosen, minlength=len(tiers)) / max(len(rows), 1)
    return Figures(
        name="oracle",
        success=Moments.of(outcome[here, chosen]),
        cost=Moments.of(cost[here, chosen]),
        asked={tier: float(count) for tier, count in zip(tiers, counts, strict=True)},
        detail="foresight: the cheapest tier that is right, for each task",
    )


def best_fixed(table: OutcomeTable, config: Figures, *, verifier: Verifier | None = None) -> Figures | None:
    """The cheapest fixed order on this log with at least the config's success; else the most successful one.

    Chosen with hindsight on the very tasks it is shown for, so it flatters itself.
    """
    from cascade.replay.orders import all_orders

    orders = all_orders(table, verifier=verifier or Verifier())
    if not orders:
        return None
    enough = [order for order in orders if order.success >= config.success.mean - 1e-12]
    if enough:
        chosen = min(enough, key=lambda one: one.cost)
    else:
        chosen = max(orders, key=lambda one: (one.success, -one.cost))
    plan: Plan = FixedPlan(chosen.steps, name="fixed")
    words = " > ".join(str(step) for step in chosen.steps)
    return Figures.of(play(table, plan, verifier=verifier), detail=f"{words} (chosen with hindsight)")


def single(tier: str) -> FixedPlan:
    """One tier alone."""
    return FixedPlan((Step(tier),), name=f"always:{tier}")
