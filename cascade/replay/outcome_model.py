"""What an outcome model expects of going on with a plan: the guess that the doubly robust estimate corrects."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cascade.policy.latent import LatentEstimates
from cascade.policy.steps import Verifier
from cascade.replay.acceptance import right_if_rejected
from cascade.replay.episodes import Episodes
from cascade.replay.plans import STOP, Walk
from cascade.replay.table import Floats, Ints

Model = Callable[[Episodes], LatentEstimates]


def remembered(model: Model) -> Model:
    """The same model, fitted once to the same tasks however many plans are judged by it."""
    known: dict[tuple[str, ...], LatentEstimates] = {}

    def fitted(episodes: Episodes) -> LatentEstimates:
        key = tuple(episodes.table.tasks)
        if key not in known:
            known[key] = model(episodes)
        return known[key]

    return fitted


def guess(
    episodes: Episodes,
    estimates: LatentEstimates,
    walk: Walk,
    where: tuple[Ints, int],
    *,
    verifier: Verifier | None = None,
) -> tuple[Floats, Floats]:
    """The model's success and cost of going on with a blind walk, for rows that made `turn` attempts so far.

    (n,) each, 0 for other rows. Arms that the model does not know count as nothing, which costs precision only.
    """
    rows, turn = where
    checks = verifier or Verifier()
    success, cost = np.zeros(len(episodes)), np.zeros(len(episodes))
    belief = _belief(episodes, (estimates, checks), rows, turn)
    alive = np.ones(len(rows))
    here: Ints = np.arange(len(rows))
    while here.size:
        chosen = walk.choose(rows[here])
        stopped, here, chosen = here[chosen == STOP], here[chosen != STOP], chosen[chosen != STOP]
        given = walk.gives(rows[stopped]) if stopped.size and not checks.perfect else np.empty(0, np.intp)
        for arm in np.unique(given[given != STOP]):
            back = stopped[given == arm]
            right = _curve(episodes, estimates, int(arm))
            if right is not None:
                success[rows[back]] += alive[back] * (belief[back] @ _stands(right, checks))
        for arm in np.unique(chosen):
            known, taken = estimates.arms.get(episodes.table.arms[arm]), here[chosen == arm]
            if known is None:
                continue
            right, price = np.array(known.p), np.array(known.cost_usd or (0.0,) * len(known.p))
            success[rows[taken]] += alive[taken] * (belief[taken] @ (right * checks.accept))
            cost[rows[taken]] += alive[taken] * (belief[taken] @ price)
            alive[taken] *= belief[taken] @ _rejected(right, checks)
            belief[taken] = _normal(belief[taken] * _rejected(right, checks))
        walk.rejected(rows[here], chosen)
    return success, cost


def _curve(episodes: Episodes, estimates: LatentEstimates, arm: int) -> Floats | None:
    known = estimates.arms.get(episodes.table.arms[arm])
    return None if known is None else np.array(known.p)


def _rejected(right: Floats, checks: Verifier) -> Floats:
    """P(rejected) by class."""
    return 1 - (right * checks.accept + (1 - right) * (1 - checks.reject))


def _stands(right: Floats, checks: Verifier) -> Floats:
    """P(right | rejected) by class."""
    rejected = _rejected(right, checks)
    return right_if_rejected(1 - rejected, right * checks.accept, right)


def _belief(episodes: Episodes, model: tuple[LatentEstimates, Verifier], rows: Ints, turn: int) -> Floats:
    """The classes' weights of rows after their first `turn` logged attempts, all of them rejected."""
    estimates, checks = model
    belief = np.tile(np.array(estimates.weights), (len(rows), 1))
    for made in range(turn):
        arms = episodes.arms[rows, made]
        for arm in np.unique(arms):
            right = _curve(episodes, estimates, int(arm)) if arm >= 0 else None
            if right is not None:
                belief[arms == arm] = _normal(belief[arms == arm] * _rejected(right, checks))
    return belief


def _normal(weights: Floats) -> Floats:
    return np.asarray(weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300))
