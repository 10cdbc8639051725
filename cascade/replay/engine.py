"""Plays a plan on a table: what every task would have come to, task by task, without a model call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from cascade.policy.steps import Verifier
from cascade.replay.acceptance import Acceptance, acceptance, right_if_rejected
from cascade.replay.plans import STOP, CheckedPlan, Plan, Walk
from cascade.replay.rates import on_checks
from cascade.replay.table import Bools, Floats, Ints, OutcomeTable

_PART = 65_536


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """What a plan came to, by task.

    success: (n,), P(the answer given back is right). cost: (n,), expected USD. asked: share of tasks that
    each tier was asked on; spent: mean USD by tier; wasted: mean USD of rejected attempts by tier. unknown:
    (n,), where the path left what the table holds (such rows are NaN); missing: what it asked for there.
    """

    name: str
    success: Floats
    cost: Floats
    asked: dict[str, float]
    spent: dict[str, float]
    wasted: dict[str, float]
    unknown: Bools
    missing: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.success)


@dataclass(frozen=True, slots=True)
class _Step:
    """One round of attempts: rows, their arms, the chance of being still open before and after, USD."""

    rows: Ints
    arms: Ints
    before: Floats
    after: Floats
    price: Floats


class _Lost(NamedTuple):
    """Rows that came to an end of which nobody knows whether it is right, and the arm whose answer it is."""

    rows: Ints
    arms: Ints


@dataclass(slots=True)
class _Tally:
    """Sums over the parts of a table, by arm."""

    asked: Floats
    spent: Floats
    wasted: Floats
    missing: Ints

    def add(self, step: _Step, known: Bools) -> None:
        """Count the attempts of the known rows, each by the chance that it is made."""
        arms, before, price = step.arms[known], step.before[known], step.price[known]
        size = len(self.asked)
        self.asked += np.bincount(arms, weights=before, minlength=size)
        self.spent += np.bincount(arms, weights=before * price, minlength=size)
        self.wasted += np.bincount(arms, weights=step.after[known] * price, minlength=size)


def play(table: OutcomeTable, plan: Plan, *, verifier: Verifier | None = None) -> Played:
    """Play a plan on every task of a table.

    verifier: what is assumed of the checks where the table holds no verdicts apart from the truth (default: they
    never err); logged verdicts are played as they are. Rows whose path asks for an outcome that the table does
    not hold are marked `unknown`, with success and cost NaN.
    """
    if isinstance(plan, CheckedPlan):
        return play(on_checks(table, plan.validators), plan.plan, verifier=verifier)
    count = len(table.arms)
    tally = _Tally(np.zeros(count), np.zeros(count), np.zeros(count), np.zeros(count, dtype=np.intp))
    successes, costs = [], []
    for part in table.parts(_PART):
        success, cost = _play_part(part, plan.walk(part), acceptance(part, verifier), tally)
        successes.append(success)
        costs.append(cost)
    success, cost = np.concatenate(successes), np.concatenate(costs)
    known = max(int(np.isfinite(success).sum()), 1)
    return Played(
        name=plan.name,
        success=success,
        cost=cost,
        asked=_by_tier(table, np.where([arm.attempt == 1 for arm in table.arms], tally.asked, 0.0) / known),
        spent=_by_tier(table, tally.spent / known),
        wasted=_by_tier(table, tally.wasted / known),
        unknown=np.isnan(success),
        missing={str(table.arms[k]): int(tally.missing[k]) for k in np.flatnonzero(tally.missing)},
    )


def _play_part(part: OutcomeTable, walk: Walk, checks: Acceptance, tally: _Tally) -> tuple[Floats, Floats]:
    n = len(part)
    success, cost, alive = np.zeros(n), np.zeros(n), np.ones(n)
    steps: list[_Step] = []
    rows: Ints = np.arange(n)
    while rows.size:
        arms = walk.choose(rows)
        stopped = arms == STOP
        lost = _give_back(walk, checks, rows[stopped], alive, success)
        np.add.at(tally.missing, lost.arms, 1)
        cost[lost.rows] = np.nan
        rows, arms = rows[~stopped], arms[~stopped]
        ends, right, price = checks.ends[rows, arms], checks.right[rows, arms], part.cost[rows, arms]
        unknown = np.isnan(ends) | np.isnan(right) | np.isnan(price)
        np.add.at(tally.missing, arms[unknown], 1)
        success[rows[unknown]] = cost[rows[unknown]] = np.nan
        known = ~unknown
        rows, arms, ends, right, price = rows[known], arms[known], ends[known], right[known], price[known]
        before = alive[rows]
        success[rows] += before * right
        cost[rows] += before * price
        alive[rows] = before * (1 - ends)
        walk.rejected(rows, arms)
        steps.append(_Step(rows, arms, before, alive[rows], price))
        rows = rows[alive[rows] > 1e-12]
    known = np.isfinite(success)
    for step in steps:
        tally.add(step, known[step.rows])
    return success, cost


def _give_back(walk: Walk, checks: Acceptance, rows: Ints, alive: Floats, success: Floats) -> _Lost:
    """A rejected answer that is given back may be right after all, if the checks err."""
    given = walk.gives(rows) if checks.errs and rows.size else np.full(len(rows), STOP, dtype=np.intp)
    rows, given = rows[given != STOP], given[given != STOP]
    ends, right, outcome = (one[rows, given] for one in (checks.ends, checks.right, checks.outcome))
    stands = right_if_rejected(ends, right, outcome)
    success[rows] += alive[rows] * stands
    return _Lost(rows[np.isnan(stands)], given[np.isnan(stands)])


def _by_tier(table: OutcomeTable, by_arm: Floats) -> dict[str, float]:
    sums = dict.fromkeys(table.tiers, 0.0)
    for arm, value in zip(table.arms, by_arm, strict=True):
        sums[arm.tier] += float(value)
    return sums
