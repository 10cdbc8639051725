"""Policies for many tasks at once: each takes rows of a table and names the arm they try next.

A task that an attempt solves is done, so that what a plan decides matters only on the path on which all
attempts so far were rejected. Where outcomes are rates or the verifier errs, the engine follows that one
path and carries the probability of being still on it: the figures are exact expectations, no draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from cascade.policy.steps import Step
from cascade.replay.table import Ints, OutcomeTable

STOP = -1


class Walk(Protocol):
    """A plan at work on one table; remembers what it saw of each row."""

    def choose(self, rows: Ints) -> Ints:
        """The arm each row tries next, or STOP."""
        ...

    def rejected(self, rows: Ints, arms: Ints) -> None:
        """These rows tried these arms and were rejected."""
        ...

    def gives(self, rows: Ints) -> Ints:
        """The arm whose rejected answer each row gives back when it stops; STOP: none was made."""
        ...

    def blind(self) -> Walk:
        """A copy at the same point that does not look at what further attempts leave behind."""
        ...


class Plan(Protocol):
    """A policy over tables."""

    @property
    def name(self) -> str:
        """A short name for reports."""
        ...

    def walk(self, table: OutcomeTable) -> Walk:
        """Start on a table."""
        ...


@dataclass(frozen=True, slots=True)
class FixedPlan:
    """The same steps for every task; the last answer made stands where none was accepted."""

    order: tuple[Step, ...]
    name: str = "fixed"

    def walk(self, table: OutcomeTable) -> Walk:
        """See `Plan`. Raises ValueError if the table lacks an arm."""
        arms = [table.arm(step) for step in self.order]
        if None in arms:
            raise ValueError(f"the table has no arm {self.order[arms.index(None)]}")
        return _OrderWalk(len(table), np.array(arms, dtype=np.intp)[None, :], np.zeros(len(table), np.intp))

    @property
    def label(self) -> str:
        """The order in words."""
        return " > ".join(str(step) for step in self.order)


@dataclass(frozen=True, slots=True)
class CheckedPlan:
    """A plan whose answers some of the logged validators check; `play` narrows the table to them."""

    plan: Plan
    validators: tuple[str, ...]

    @property
    def name(self) -> str:
        """The plan's own."""
        return self.plan.name

    def walk(self, table: OutcomeTable) -> Walk:
        """See `Plan`."""
        return self.plan.walk(table)


@dataclass(frozen=True, slots=True)
class ThresholdPlan:
    """`ThresholdPolicy` over tables. chances: P(first attempt passes) by tier, each (n,)."""

    tiers: Sequence[str]
    start: float
    attempts: Mapping[str, int]
    default_attempts: int = 1
    name: str = "threshold"

    def allowed(self, table: OutcomeTable) -> dict[str, int]:
        """How many attempts each tier has: as many as the policy grants and the table holds (no tier of 0)."""
        held = {tier: {arm.attempt for arm in table.arms if arm.tier == tier} for tier in self.tiers}
        granted = {}
        for tier in self.tiers:
            count = self.attempts.get(tier, self.default_attempts)
            granted[tier] = next((k for k in range(count) if k + 1 not in held[tier]), count)
        return {tier: count for tier, count in granted.items() if count}

    def walk(self, table: OutcomeTable) -> Walk:
        """See `Plan`."""
        granted = self.allowed(table)
        tiers = list(granted)
        first = np.full(len(table), len(tiers) - 1, dtype=np.intp)
        for place in range(len(tiers) - 1, -1, -1):
            chances = table.probabilities.get(tiers[place])
            if chances is not None:
                first[chances >= self.start] = place
        orders = [
            _climb(table, [(tier, granted[tier]) for tier in tiers[place:]]) for place in range(len(tiers))
        ]
        width = max(len(order) for order in orders)
        padded = np.array([order + [STOP] * (width - len(order)) for order in orders], dtype=np.intp)
        return _OrderWalk(len(table), padded, first)


def _climb(table: OutcomeTable, granted: Sequence[tuple[str, int]]) -> list[int]:
    """The arms of a climb through tiers, each attempt after the one before it."""
    order: list[int] = []
    last: str | None = None
    for tier, count in granted:
        for number in range(1, count + 1):
            order.append(_shown(table, tier, number, last))
            last = tier
    return order


def _shown(table: OutcomeTable, tier: str, number: int, last: str | None) -> int:
    """The arm of a tier's nth attempt after one at `last`: shown that failure if the table has such, else afresh; of
    several ways of showing it, the best known one.
    """
    arms = [k for k, arm in enumerate(table.arms) if (arm.tier, arm.attempt) == (tier, number)]
    return max(arms, key=lambda k: (table.arms[k].after == last, table.arms[k].after is None, table.known(k)))


@dataclass(slots=True)
class _OrderWalk:
    """Rows that each follow one of a few fixed orders (padded with STOP)."""

    size: int
    orders: Ints
    which: Ints
    made: Ints = field(init=False)

    def __post_init__(self) -> None:
        self.made = np.zeros(self.size, dtype=np.intp)

    def choose(self, rows: Ints) -> Ints:
        made = self.made[rows]
        inside = made < self.orders.shape[1]
        chosen = self.orders[self.which[rows], np.minimum(made, self.orders.shape[1] - 1)]
        return np.where(inside, chosen, STOP)

    def rejected(self, rows: Ints, arms: Ints) -> None:  # noqa: ARG002  (the order is fixed)
        self.made[rows] += 1

    def blind(self) -> Walk:
        copy = _OrderWalk(self.size, self.orders, self.which)
        copy.made = self.made.copy()
        return copy

    def gives(self, rows: Ints) -> Ints:
        made = self.made[rows]
        last = self.orders[self.which[rows], np.maximum(made - 1, 0)]
        return np.where(made > 0, last, STOP)
