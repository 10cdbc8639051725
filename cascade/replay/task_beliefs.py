"""What is believed of many tasks at once: `cascade.policy.latent.LatentBelief`, row by row.

Weights are kept unnormalised: `evidence[i, k]` is task i's weight of class k by what its attempts left behind;
what their rejections say is multiplied in when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np

from cascade.policy.latent import Flag, LatentEstimates, Trace
from cascade.policy.steps import Step, Verifier
from cascade.replay.table import Floats, Ints, OutcomeTable

_FLOOR = 1e-9
_SURE = 0.001
_NEWTON_STEPS = 25


@dataclass(frozen=True, slots=True)
class Arms:
    """The arms that may be tried. places: their columns in the table, length A. right, rejected, stands:
    P(right), P(rejected), P(right | rejected) by class, (n, A, K), or (1, A, K) where tasks do not differ.
    cost: USD by class, (A, K).
    """

    places: list[int]
    right: Floats
    rejected: Floats
    stands: Floats
    cost: Floats

    @property
    def per_task(self) -> bool:
        """Whether tasks differ before anything was tried."""
        return len(self.right) > 1


class TaskBeliefs:
    """The beliefs about a table's tasks, as their attempts are rejected. looks: whether what attempts left
    behind is taken into account.
    """

    def __init__(self, estimates: LatentEstimates, verifier: Verifier, table: OutcomeTable) -> None:
        self.estimates, self.table = estimates, table
        self.evidence = _told(estimates, table)
        self.arms = _arms(estimates, verifier, table, self.evidence)
        self.looks = True

    def blind(self) -> TaskBeliefs:
        """A copy that does not look at what further attempts leave behind."""
        other = copy(self)
        other.evidence, other.looks = self.evidence.copy(), False
        return other

    def rights(self, rows: Ints) -> Floats:
        """P(right) of rows by arm and class, (n, A, K) or (1, A, K)."""
        return self.arms.right[rows] if self.arms.per_task else self.arms.right

    def survival(self, rows: Ints, tried: Sequence[int]) -> Floats:
        """The chance, by class, that all of the tried arms were rejected: (n, K) or (1, K)."""
        rejected = self.arms.rejected[rows] if self.arms.per_task else self.arms.rejected
        return np.asarray(rejected[:, list(tried)].prod(axis=1))

    def look(self, rows: Ints, place: int) -> None:
        """Take in what the rejected attempt at a column of the table left behind."""
        if not self.looks:
            return
        known = self.estimates.arms[self.table.arms[place]]
        for name, trace in known.traces.items():
            values = self.table.cost if name == "cost_usd" else self.table.figures.get(name)
            if values is None:
                continue
            x = values[rows, place]
            seen = np.isfinite(x)
            likelihood = _log_likelihoods(trace, x[seen])
            self.evidence[rows[seen]] *= np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
        totals = self.evidence[rows].sum(axis=1, keepdims=True)
        self.evidence[rows] /= np.maximum(totals, 1e-300)


def _arms(estimates: LatentEstimates, verifier: Verifier, table: OutcomeTable, weights: Floats) -> Arms:
    places = [k for k, arm in enumerate(table.arms) if _described(estimates, arm)]
    known = [estimates.arms[table.arms[k]] for k in places]
    right = np.array([arm.p for arm in known]).reshape(1, len(known), -1)
    if estimates.told is not None and table.probabilities:
        moved = _shifts(estimates, table.probabilities, weights)
        none = np.zeros(len(table))
        shift = np.column_stack([moved.get(arm.step.tier, none) for arm in known])
        right = _sigmoid(_logit(right) + shift[:, :, None])
    rejected = 1 - (right * verifier.accept + (1 - right) * (1 - verifier.reject))
    with np.errstate(invalid="ignore", divide="ignore"):
        stands = np.where(rejected > 0, right * (1 - verifier.accept) / rejected, 0.0)
    return Arms(
        places=places,
        right=right,
        rejected=rejected,
        stands=stands,
        cost=np.array([arm.cost_usd for arm in known]).reshape(len(known), -1),
    )


def _described(estimates: LatentEstimates, arm: Step) -> bool:
    known = estimates.arms.get(arm)
    return known is not None and known.cost_usd is not None and known.step == arm


def _told(estimates: LatentEstimates, table: OutcomeTable) -> Floats:
    """The classes' weights given what the classifier says of each task, (n, K); see `LatentEstimates`."""
    weights = np.tile(np.array(estimates.weights), (len(table), 1))
    if estimates.told is None or not table.probabilities:
        return weights
    described = {step.tier for step in estimates.arms}
    odds = told_odds({t: p for t, p in table.probabilities.items() if t in described}, len(table))
    told = np.isfinite(odds)
    likelihood = _log_likelihoods(estimates.told, odds[told])
    weights[told] *= np.maximum(np.exp(likelihood - likelihood.max(axis=1, keepdims=True)), _FLOOR)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def told_odds(probabilities: Mapping[str, Floats], count: int) -> Floats:
    """The geometric mean over the tiers of the odds that a classifier tells, (n,); NaN where it tells nothing."""
    if not probabilities:
        return np.full(count, np.nan)
    chances = np.column_stack(list(probabilities.values()))
    known = np.isfinite(chances)
    logits = np.where(known, _logit(np.clip(chances, _SURE, 1 - _SURE)), 0.0)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.exp(logits.sum(axis=1) / known.sum(axis=1)))


def _shifts(
    estimates: LatentEstimates, probabilities: Mapping[str, Floats], weights: Floats
) -> dict[str, Floats]:
    """The logit shift by tier, (n,), as `LatentEstimates` has it for one task; 0 where nothing is said."""
    return {
        tier: shift_to(_logit(np.array(estimates.passing(Step(tier), 0.0))), weights, chances)
        for tier, chances in probabilities.items()
    }


def shift_to(logits: Floats, weights: Floats, chances: Floats) -> Floats:
    """s with sum_k weights_ik sigmoid(logits_k + s_i) = chances_i, by bounded Newton steps; 0 where NaN.

    logits: (K,). weights: (n, K). chances: (n,).
    """
    shift = np.zeros(len(chances))
    told = np.isfinite(chances)
    target, inside, found = np.clip(chances[told], _SURE, 1 - _SURE), weights[told], shift[told]
    for _ in range(_NEWTON_STEPS):
        p = _sigmoid(logits + found[:, None])
        missing = target - (inside * p).sum(axis=1)
        slope = (inside * p * (1 - p)).sum(axis=1)
        found = np.clip(found + np.clip(missing / np.maximum(slope, 1e-12), -2, 2), -20, 20)
        if not missing.size or float(np.abs(missing).max()) < 1e-13:
            break
    shift[told] = found
    return shift


def _log_likelihoods(trace: Trace | Flag, x: Floats) -> Floats:
    """As `likelihoods` of the trace, for many values: logs, (n, K)."""
    if isinstance(trace, Flag):
        p, share = np.array(trace.p), np.clip(x, 0.0, 1.0)[:, None]
        return np.asarray(trace.weight * (share * np.log(p) + (1 - share) * np.log1p(-p)))
    away = (np.log(np.maximum(x, 0.0) + trace.offset)[:, None] - np.array(trace.mean)) / trace.sd
    return np.asarray(-0.5 * trace.weight * away**2)


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))


def _logit(p: Floats) -> Floats:
    inside = np.clip(p, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(inside) - np.log1p(-inside))
