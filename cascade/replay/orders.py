"""Every fixed order of attempts, with its exact success and cost on a table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cascade.policy.steps import Step, Verifier
from cascade.replay.acceptance import acceptance
from cascade.replay.draws import lowest
from cascade.replay.lattice import lattice
from cascade.replay.table import Floats, OutcomeTable

SEARCH_TASKS = 20_000
_MOST_ORDERS = 20_000


@dataclass(frozen=True, slots=True)
class Order:
    """A fixed order with its success and mean cost in USD on the search part."""

    steps: tuple[Step, ...]
    success: float
    cost: float


def all_orders(table: OutcomeTable, *, longest: int = 4, verifier: Verifier | None = None) -> list[Order]:
    """Every order of at most `longest` attempts whose outcomes and costs the table holds.

    Of tables of more than 20,000 tasks so many are drawn by their ids; of very many arms, shorter orders are
    searched.
    """
    if len(table) > SEARCH_TASKS:
        table = lowest(table, SEARCH_TASKS)
    while _count(len(table.arms), longest) > _MOST_ORDERS and longest > 2:
        longest -= 1
    return _Search(table, verifier or Verifier(), longest).run()


def _count(arms: int, longest: int) -> int:
    total, product = 0, 1
    for k in range(min(arms, longest)):
        product *= arms - k
        total += product
    return total


class _Search:
    """Walks all orders depth first, carrying every task's chance of being still open."""

    def __init__(self, table: OutcomeTable, verifier: Verifier, longest: int) -> None:
        self.table = table
        self.states = lattice(table.arms, longest)
        checks = acceptance(table, verifier)
        known = checks.known & np.isfinite(table.cost)
        self.known = known
        self.cost = np.where(known, table.cost, 0.0)
        self.accepted = np.where(known, checks.right, 0.0)
        self.rejected = np.where(known, 1 - checks.ends, 0.0)
        self.told = np.isfinite(checks.stands) | (self.rejected == 0)
        self.stands = np.where(self.told, self.rejected * np.nan_to_num(checks.stands), 0.0)
        self.found: list[Order] = []

    def run(self) -> list[Order]:
        """All orders."""
        n = len(self.table)
        self._extend(0, (), np.ones(n), (0.0, 0.0))
        return self.found

    def _extend(self, state: int, steps: tuple[int, ...], alive: Floats, sums: tuple[float, float]) -> None:
        n = len(self.table)
        for k, later in self.states.steps[state]:
            if not self.known[alive > 1e-12, k].all():
                continue
            success = sums[0] + float(alive @ self.accepted[:, k]) / n
            cost = sums[1] + float(alive @ self.cost[:, k]) / n
            if self.told[alive > 1e-12, k].all():
                given = float(alive @ self.stands[:, k]) / n
                order = tuple(self.table.arms[j] for j in (*steps, k))
                self.found.append(Order(order, success + given, cost))
            self._extend(later, (*steps, k), alive * self.rejected[:, k], (success, cost))
