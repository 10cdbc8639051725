"""Simulated logs of several kinds: rare outcomes, heavy tails, retries, small and uneven propensities.

Tasks have a common difficulty z; P(right) is logistic in it, costs rise with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cascade.policy.steps import Step
from cascade.replay.episodes import Episodes
from cascade.replay.plans import FixedPlan
from cascade.replay.table import Bools, Floats, Ints, OutcomeTable

CHEAP, AGAIN = Step("cheap"), Step("cheap", 2, "cheap", "diagnostics")
MIDDLE, STRONG = Step("middle"), Step("strong")
TWO, FOUR = (CHEAP, MIDDLE), (CHEAP, AGAIN, MIDDLE, STRONG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wide:
    """A world and how it was logged.

    arms: kinds of attempts. levels: of their logits. prices: USD. noise, rise: of log costs, alone and with
    difficulty. first: how often each arm is chosen among those that may come next (None: propensities of a
    Thompson sampler, other ones for every task and turn). on: how often a failure is followed up. rates:
    whether outcomes are pass rates.
    """

    arms: tuple[Step, ...] = TWO
    levels: tuple[float, ...] = (0.0, 0.7)
    prices: tuple[float, ...] = (0.01, 0.03)
    noise: float = 0.5
    rise: float = 0.4
    first: tuple[float, ...] | None = (0.8, 0.2)
    on: float = 0.6
    rates: bool = False

    def plans(self) -> tuple[FixedPlan, ...]:
        """Policies to judge."""
        if self.arms == TWO:
            return FixedPlan((CHEAP, MIDDLE)), FixedPlan((MIDDLE,)), FixedPlan((MIDDLE, CHEAP))
        return FixedPlan((CHEAP, AGAIN, STRONG)), FixedPlan((MIDDLE, STRONG)), FixedPlan((STRONG,))

    def table(self, seed: int, n: int) -> OutcomeTable:
        """n tasks with every outcome."""
        g = np.random.default_rng(seed)
        z = g.normal(size=n)
        p = np.stack([1 / (1 + np.exp(-(level + 1.5 * z))) for level in self.levels], axis=1)
        spread = np.exp(self.noise * g.normal(size=p.shape) - self.rise * z[:, None])
        return OutcomeTable(
            tasks=[f"t{seed}-{k}" for k in range(n)],
            arms=self.arms,
            outcome=p if self.rates else (g.random(p.shape) < p).astype(float),
            cost=np.array(self.prices) * spread,
        )

    def logged(self, table: OutcomeTable, seed: int) -> Episodes:
        """Decisions on these tasks, with their propensities."""
        g = np.random.default_rng(seed + 10**6)
        n, width = len(table), len(self.arms)
        arms, propensity = np.full((n, width), -1, dtype=np.intp), np.full((n, width), np.nan)
        tried = np.zeros((n, width), dtype=bool)
        rows: Ints = np.arange(n)
        for turn in range(width):
            chance = self._chances(g, tried[rows])
            chosen = np.minimum((g.random(len(rows))[:, None] > chance.cumsum(axis=1)).sum(axis=1), width - 1)
            on = 1.0 if turn == 0 else self.on
            goes = (g.random(len(rows)) < on) & (chance[np.arange(len(rows)), chosen] > 0)
            propensity[rows[goes], turn] = chance[goes, chosen[goes]] * on
            rows, chosen = rows[goes], chosen[goes]
            arms[rows, turn], tried[rows, chosen] = chosen, True
            rows = rows[table.outcome[rows, chosen] == 0]
        seen = replace(
            table, outcome=np.where(tried, table.outcome, np.nan), cost=np.where(tried, table.cost, np.nan)
        )
        return Episodes(table=seen, arms=arms, propensity=propensity)

    def _chances(self, g: np.random.Generator, tried: Bools) -> Floats:
        n, width = tried.shape
        free = ~tried
        if self.arms == FOUR:
            free[:, 1] &= tried[:, 0]
            free[:, 0] &= ~tried[:, 1]
        drawn = np.tile(self.first, (n, 1)) if self.first is not None else g.dirichlet(np.full(width, 1.2), n)
        weight = np.where(free, np.maximum(drawn, 0.02), 0.0)
        total = weight.sum(axis=1, keepdims=True)
        return np.asarray(np.divide(weight, total, out=np.zeros_like(weight), where=total > 0))


FOUR_TIERS = Wide(
    arms=FOUR, levels=(0.0, -0.7, 0.7, 1.6), prices=(0.01, 0.012, 0.03, 0.1), first=None, on=0.9
)
WORLDS = {
    "plain": Wide(),
    "heavy costs": Wide(noise=1.2, rise=0.8),
    "5% right": Wide(levels=(-4.5, -3.5)),
    "97% right": Wide(levels=(4.5, 5.5)),
    "propensity 0.05": Wide(first=(0.95, 0.05), on=0.5),
    "propensity 0.02": Wide(first=(0.98, 0.02), on=0.9),
    "retries": replace(FOUR_TIERS, first=(0.6, 0.6, 0.2, 0.2), on=0.8),
    "thompson": FOUR_TIERS,
}
