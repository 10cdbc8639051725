"""What another policy would have come to, estimated from logged decisions and their propensities.

A task's trajectory counts for the other policy as far as the two chose alike; its weight is the inverse of
the chance of that (importance sampling: Horvitz and Thompson, 1952; per decision: Precup et al., ICML 2000).
Where the other policy stops, the prefix up to there is all that is needed. The doubly robust estimate adds a
model of the outcomes, whose errors the weights correct (Jiang and Li, arXiv 1511.03722, equation 10).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cascade.errors import SupportError
from cascade.policy.latent import LatentEstimates
from cascade.replay.episodes import Episodes
from cascade.replay.intervals import Moments, interval
from cascade.replay.plans import STOP, Plan, Walk
from cascade.replay.table import Bools, Floats, Ints

LEAST_EFFECTIVE = 20.0


@dataclass(frozen=True, slots=True)
class Estimated:
    """An estimate of success and cost a task, each with its 95% interval."""

    name: str
    success: float
    success_ci: tuple[float, float]
    cost: float
    cost_ci: tuple[float, float]


@dataclass(frozen=True, slots=True)
class OffPolicy:
    """All estimates, and what they rest on.

    effective: effective sample size, (sum w)^2 / sum w^2 over matched trajectories. matched: share of tasks on
    which the log chose all along what the policy would. mean_weight: 1 up to noise where the log supports
    the policy; below, the missing share is what it never tried.
    """

    ips: Estimated
    snips: Estimated
    dr: Estimated
    effective: float
    matched: float
    mean_weight: float


@dataclass(frozen=True, slots=True, eq=False)
class _Turn:
    """One decision: rows still alike before it, their weights after it (0: parted), what they paid and won."""

    rows: Ints
    weight: Floats
    cost: Floats
    success: Floats


Model = Callable[[Episodes], LatentEstimates]


def off_policy(episodes: Episodes, plan: Plan, *, model: Model | None = None) -> OffPolicy:
    """Estimate a plan's success and cost from a log of other decisions.

    model: fits the outcome model of the doubly robust estimate; each half of the tasks is judged by a model
    of the other half (None: no model, and the estimate equals importance sampling). Raises SupportError
    where propensities are missing, where the log never tried what the plan does, or where fewer than 20
    effective tasks remain.
    """
    _need_propensities(episodes)
    walked = _Walked(episodes, plan)
    weights = walked.weights
    matched = weights > 0
    effective = float(weights.sum() ** 2 / (weights**2).sum()) if matched.any() else 0.0
    _need_support(plan, weights, effective)
    success, cost = walked.sums()
    robust = _robust(episodes, walked, model) if model is not None else (success, cost)
    return OffPolicy(
        ips=_mean("ips", success, cost),
        snips=_normalised(weights, walked),
        dr=_mean("dr", *robust),
        effective=effective,
        matched=float(matched.mean()),
        mean_weight=float(weights.mean()),
    )


class _Walked:
    """The plan taken along every logged trajectory, as far as both chose alike."""

    def __init__(self, episodes: Episodes, plan: Plan) -> None:
        self.episodes = episodes
        table = episodes.table
        n = len(episodes)
        self.weights = np.ones(n)
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
        rows, chosen = rows[chosen != STOP], chosen[chosen != STOP]
        width = self.episodes.arms.shape[1]
        logged = self.episodes.arms[rows, turn] if turn < width else np.full(len(rows), -1)
        same = logged == chosen
        chance = np.where(same, self.episodes.propensity[rows, min(turn, width - 1)], 1.0)
        self.weights[rows] *= np.where(same, 1 / np.where(chance > 0, chance, 1.0), 0.0)
        outcome = self.episodes.table.outcome[rows, chosen]
        price = self.episodes.table.cost[rows, chosen]
        weight = self.weights[rows]
        won = np.where(same, outcome, 0.0)
        self.turns.append(_Turn(rows, weight, np.where(same, price, 0.0), won))
        failed = same & (outcome == 0)
        walk.rejected(rows[failed], chosen[failed])
        going: Ints = rows[failed]
        return going

    def sums(self) -> tuple[Floats, Floats]:
        """Weighted success and cost by task, each reward by the weight up to its own decision."""
        success, cost = np.zeros(len(self.weights)), np.zeros(len(self.weights))
        for turn in self.turns:
            success[turn.rows] += turn.weight * turn.success
            cost[turn.rows] += turn.weight * turn.cost
        return success, cost

    def plain(self) -> tuple[Floats, Floats]:
        """Success and cost by task of the matched trajectories, unweighted."""
        success, cost = np.zeros(len(self.weights)), np.zeros(len(self.weights))
        for turn in self.turns:
            success[turn.rows] += turn.success
            cost[turn.rows] += turn.cost
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
            hint="log some runs with `explore` above 0, then replay again",
        )
    if effective < min(LEAST_EFFECTIVE, len(weights)):
        raise SupportError(
            f"only {effective:.1f} of {len(weights)} tasks' worth of the log bears on {plan.name}",
            hint="log more runs, or explore at a higher rate",
        )


def _mean(name: str, success: Floats, cost: Floats) -> Estimated:
    won, paid = Moments.of(success), Moments.of(cost)
    low, high = interval(won, share=won.binary)
    return Estimated(name, won.mean, (max(low, 0.0), min(high, 1.0)), paid.mean, interval(paid, share=False))


def _normalised(weights: Floats, walked: _Walked) -> Estimated:
    """Self-normalised: the weighted mean over matched trajectories, its spread by the delta method."""
    total = weights.sum()
    figures = []
    for values in walked.plain():
        mean = float(weights @ values / total)
        around = Moments.of(weights * (values - mean) * len(weights) / total)
        low, high = interval(around, share=False)
        figures.append((mean, (mean + low, mean + high)))
    (success, (low, high)), (cost, cost_ci) = figures
    return Estimated("snips", success, (max(low, 0.0), min(high, 1.0)), cost, cost_ci)


def _robust(episodes: Episodes, walked: _Walked, model: Model) -> tuple[Floats, Floats]:
    """Jiang and Li's recursion, unrolled: the model's value at the start plus the weighted surprises."""
    success, cost = np.zeros(len(episodes)), np.zeros(len(episodes))
    half = np.arange(len(episodes)) % 2 == 0
    for part, rest in ((half, ~half), (~half, half)):
        estimates = model(_some(episodes, rest))
        guesses = [
            guess(episodes, estimates, blind, (rows[part[rows]], turn))
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


def guess(
    episodes: Episodes, estimates: LatentEstimates, walk: Walk, where: tuple[Ints, int]
) -> tuple[Floats, Floats]:
    """The model's success and cost of going on with a blind walk, for rows that made `turn` attempts so far.

    (n,) each, 0 for other rows. Arms that the model does not know count as nothing, which costs precision only.
    """
    rows, turn = where
    success, cost = np.zeros(len(episodes)), np.zeros(len(episodes))
    belief = _belief(episodes, estimates, rows, turn)
    alive = np.ones(len(rows))
    here: Ints = np.arange(len(rows))
    while here.size:
        chosen = walk.choose(rows[here])
        here, chosen = here[chosen != STOP], chosen[chosen != STOP]
        for arm in np.unique(chosen):
            known = estimates.arms.get(episodes.table.arms[arm])
            if known is None:
                continue
            taken = here[chosen == arm]
            right, price = np.array(known.p), np.array(known.cost_usd or (0.0,) * len(known.p))
            success[rows[taken]] += alive[taken] * (belief[taken] @ right)
            cost[rows[taken]] += alive[taken] * (belief[taken] @ price)
            alive[taken] *= 1 - belief[taken] @ right
            belief[taken] = _normal(belief[taken] * (1 - right))
        walk.rejected(rows[here], chosen)
    return success, cost


def _belief(episodes: Episodes, estimates: LatentEstimates, rows: Ints, turn: int) -> Floats:
    """The classes' weights of rows after their first `turn` logged attempts, all of them rejected."""
    belief = np.tile(np.array(estimates.weights), (len(rows), 1))
    for made in range(turn):
        arms = episodes.arms[rows, made]
        for arm in np.unique(arms):
            known = estimates.arms.get(episodes.table.arms[arm]) if arm >= 0 else None
            if known is not None:
                belief[arms == arm] = _normal(belief[arms == arm] * (1 - np.array(known.p)))
    return belief


def _normal(weights: Floats) -> Floats:
    return np.asarray(weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300))


def _some(episodes: Episodes, rows: Bools) -> Episodes:
    chosen = np.flatnonzero(rows)
    return Episodes(
        table=episodes.table.rows(chosen), arms=episodes.arms[chosen], propensity=episodes.propensity[chosen]
    )
