"""What another policy would have come to, estimated from logged decisions and their propensities.

A task's trajectory counts for the other policy as far as the two chose alike; its weight is the inverse of
the chance of that (importance sampling: Horvitz and Thompson, 1952; per decision: Precup et al., ICML 2000).
Where the other policy stops, the prefix up to there is all that is needed. The doubly robust estimate adds a
model of the outcomes, whose errors the weights correct (Jiang and Li, arXiv 1511.03722, equation 10).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cascade.errors import SupportError
from cascade.policy.steps import Verifier
from cascade.replay.acceptance import acceptance
from cascade.replay.draws import keys_of
from cascade.replay.episodes import Episodes
from cascade.replay.outcome_model import Model, guess
from cascade.replay.plans import STOP, Plan, Walk
from cascade.replay.table import Bools, Floats, Ints
from cascade.replay.weighted import (
    Estimated,
    by_task,
    effective_failures,
    effective_tasks,
    mean_of,
    normalised,
)

LEAST_EFFECTIVE = 20.0
FOLDS = 5
MOST_LOST = 0.02


@dataclass(frozen=True, slots=True)
class OffPolicy:
    """All estimates, and what they rest on.

    n: tasks. effective: effective sample size, (sum w)^2 / sum w^2 over matched trajectories. matched: share of
    tasks on which the log chose all along what the policy would. mean_weight: 1 up to noise where the log supports
    the policy; below, the missing share is what it never tried.
    """

    n: int
    ips: Estimated
    snips: Estimated
    dr: Estimated
    effective: float
    matched: float
    mean_weight: float


class _Turn(NamedTuple):
    """One decision: rows still alike before it, their weights after it (0: parted), what they paid and won."""

    rows: Ints
    weight: Floats
    cost: Floats
    success: Floats

    def and_(self, other: _Turn) -> _Turn:
        """The rows of both."""
        return _Turn(
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.weight, other.weight]),
            np.concatenate([self.cost, other.cost]),
            np.concatenate([self.success, other.success]),
        )


def off_policy(
    episodes: Episodes, plan: Plan, *, model: Model | None = None, verifier: Verifier | None = None
) -> OffPolicy:
    """Estimate a plan's success and cost from a log of other decisions.

    model: fits the outcome model of the doubly robust estimate; each fifth of the tasks is judged by a model
    of the others (None: no model, and the estimate equals importance sampling). verifier: how often that
    model takes the checks to err. Where the log holds verdicts apart from the truth, the verdict decides
    whether a trajectory goes on and the truth is the success. Raises SupportError where propensities are
    missing, where the log never tried what the plan does, where the truth about the answers that the plan would
    give back is not known, or where fewer than 20 effective tasks remain.
    """
    _need_propensities(episodes)
    walked = _Walked(episodes, plan)
    if walked.lost.any():
        _need_truth(plan, walked.lost)
        episodes = episodes.rows(np.flatnonzero(~walked.lost))
        walked = _Walked(episodes, plan)
    tasks = episodes.table.tasks
    weights = by_task(tasks, walked.weights)
    effective = effective_tasks(weights)
    _need_support(plan, weights, effective)
    sums, checks = walked.sums(), verifier or Verifier()
    robust = _robust(episodes, walked, (model, checks)) if model is not None else sums

    def merged(pair: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
        return by_task(tasks, pair[0]), by_task(tasks, pair[1])

    fewest = min(effective, effective_failures(walked.weights, walked.depth))
    return OffPolicy(
        n=len(weights),
        ips=mean_of("ips", merged(sums), fewest),
        snips=normalised(weights, merged(walked.weighted()), fewest),
        dr=mean_of("dr", merged(robust), fewest, tails=by_task(tasks, sums[1])),
        effective=effective,
        matched=float((walked.weights > 0).mean()),
        mean_weight=float(weights.mean()),
    )


class _Walked:
    """The plan taken along every logged trajectory, as far as both chose alike."""

    def __init__(self, episodes: Episodes, plan: Plan) -> None:
        self.episodes = episodes
        table = episodes.table
        n = len(episodes)
        self.checks = acceptance(table)
        self.stands = self.checks.stands
        self.weights = np.ones(n)
        self.depth = np.zeros(n, dtype=np.intp)
        self.lost = np.zeros(n, dtype=bool)
        self.turns: list[_Turn] = []
        self.blind: list[tuple[Walk, Ints]] = []
        walk = plan.walk(table)
        rows: Ints = np.arange(n)
        for turn in range(episodes.arms.shape[1] + 1):
            if not rows.size:
                break
            self.blind.append((walk.blind(), rows))
            rows = self._turn(walk, rows, turn)

    def _turn(self, walk: Walk, rows: Ints, turn: int) -> Ints:
        """One decision of every row that is still alike; returns those that go on."""
        chosen = walk.choose(rows)
        ended = self._given(walk, rows[chosen == STOP])
        rows, chosen = rows[chosen != STOP], chosen[chosen != STOP]
        width = self.episodes.arms.shape[1]
        logged = self.episodes.arms[rows, turn] if turn < width else np.full(len(rows), -1)
        same = logged == chosen
        chance = np.where(same, self.episodes.propensity[rows, min(turn, width - 1)], 1.0)
        self.depth[rows] += same
        self.weights[rows] *= np.where(same, 1 / np.where(chance > 0, chance, 1.0), 0.0)
        ends, price = self.checks.ends[rows, chosen], self.episodes.table.cost[rows, chosen]
        won = np.where(same, self.checks.right[rows, chosen], 0.0)
        self.lost[rows] |= np.isnan(won)
        made = _Turn(rows, self.weights[rows], np.where(same, price, 0.0), won)
        self.turns.append(made.and_(ended))
        failed = same & (ends == 0)
        walk.rejected(rows[failed], chosen[failed])
        going: Ints = rows[failed]
        return going

    def _given(self, walk: Walk, rows: Ints) -> _Turn:
        """Rows at which the plan stops: what it gives back may be right although it was rejected."""
        given = walk.gives(rows) if self.checks.errs and rows.size else np.full(len(rows), STOP)
        won = np.where(given == STOP, 0.0, self.stands[rows, given])
        self.lost[rows] |= np.isnan(won)
        return _Turn(rows, self.weights[rows], np.zeros(len(rows)), won)

    def sums(self) -> tuple[Floats, Floats]:
        """Weighted success and cost by task, each reward by the weight up to its own decision."""
        success, cost = np.zeros(len(self.weights)), np.zeros(len(self.weights))
        for turn in self.turns:
            success[turn.rows] += turn.weight * turn.success
            cost[turn.rows] += turn.weight * turn.cost
        return success, cost

    def weighted(self) -> tuple[Floats, Floats]:
        """Success and cost by task of the matched trajectories, all by the weight of the whole trajectory."""
        success, cost = np.zeros(len(self.weights)), np.zeros(len(self.weights))
        for turn in self.turns:
            success[turn.rows] += self.weights[turn.rows] * turn.success
            cost[turn.rows] += self.weights[turn.rows] * turn.cost
        return success, cost


def _need_propensities(episodes: Episodes) -> None:
    used = episodes.arms >= 0
    if np.isnan(episodes.propensity[used]).any():
        raise SupportError(
            "the log does not say with what chance its choices were made (propensities are missing)",
            hint="replay the config that was logged, or log runs with a version that writes propensities",
        )
    if ((episodes.propensity[used] <= 0) | (episodes.propensity[used] > 1)).any():
        raise SupportError("the log has propensities outside 0 to 1", hint="`cascade trace verify` the log")


def _need_support(plan: Plan, weights: Floats, effective: float) -> None:
    # Were all supported, the weights' mean would be 1, and its spread at most that of coins worth the largest.
    spread = float(np.sqrt(max(float(weights.max()) - 1, 0.0) / max(len(weights), 1)))
    if float(weights.mean()) + 3 * spread < 0.98 or not weights.any():
        share = 1 - float(weights.mean())
        raise SupportError(
            f"the log never tried what {plan.name} would do on about {share:.0%} of the tasks",
            hint="log some runs with `explore` above 0, or with `shadow`, then replay again",
        )
    if effective < min(LEAST_EFFECTIVE, len(weights)):
        raise SupportError(
            f"only {effective:.1f} of {len(weights)} tasks' worth of the log bears on {plan.name}",
            hint="log more runs, or explore at a higher rate",
        )


def _need_truth(plan: Plan, lost: Bools) -> None:
    share = float(lost.mean())
    if share > MOST_LOST:
        raise SupportError(
            f"whether what {plan.name} would give back is right is not known on {share:.0%} of the tasks",
            hint="label those answers too: a truth file with task_id, outcome, model and attempt",
        )


def _robust(episodes: Episodes, walked: _Walked, how: tuple[Model, Verifier]) -> tuple[Floats, Floats]:
    """Jiang and Li's recursion, unrolled: the model's value at the start plus the weighted surprises."""
    model, checks = how
    success, cost = np.zeros(len(episodes)), np.zeros(len(episodes))
    fold = _folds(episodes.table.tasks)
    for number in np.unique(fold):
        part = fold == number
        estimates = model(episodes.rows(np.flatnonzero(~part)))
        guesses = [
            guess(episodes, estimates, blind, (rows[part[rows]], turn), verifier=checks)
            for turn, (blind, rows) in enumerate(walked.blind)
        ]
        guesses.append((np.zeros(len(episodes)), np.zeros(len(episodes))))
        success[part], cost[part] = guesses[0][0][part], guesses[0][1][part]
        for turn, now, later in zip(walked.turns, guesses[:-1], guesses[1:], strict=True):
            inside = part[turn.rows]
            rows, weight = turn.rows[inside], turn.weight[inside]
            success[rows] += weight * (turn.success[inside] + later[0][rows] - now[0][rows])
            cost[rows] += weight * (turn.cost[inside] + later[1][rows] - now[1][rows])
    return success, cost


def _folds(tasks: Sequence[str]) -> Ints:
    """A fold for each row by its task's id alone: runs of one task together, whatever the order of tasks."""
    _, rank = np.unique(keys_of(tasks), return_inverse=True)
    return np.asarray(rank % FOLDS, dtype=np.intp)
