"""The expected-value policy over tables: the same tree as `cascade.policy.tree`, for many tasks at once.

Beliefs are kept unnormalised: e[i, k] is task i's weight of class k by what attempts left behind, q[s, k]
the probability that class k survives the rejections of state s. Then with S(s) = e·q_s,

    U(s) = max(give(s), max_a  -e·(q_s c_a) + v·α·e·(q_s p_a) + U(s + a)),    V = U / S

so that a state's values for all tasks are a few matrix products.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field

import numpy as np

from cascade.policy.latent import Flag, LatentEstimates, Trace
from cascade.policy.steps import Verifier
from cascade.replay.lattice import Lattice, lattice
from cascade.replay.plans import STOP, Walk
from cascade.replay.table import Floats, Ints, OutcomeTable

_CELLS = 4_000_000


@dataclass(frozen=True, slots=True)
class ValuePlan:
    """`ExpectedValuePolicy` over tables, without exploration.

    Arms that the estimates do not describe with a cost are never tried.
    """

    estimates: LatentEstimates
    value_usd: float
    max_attempts: int
    verifier: Verifier = field(default_factory=Verifier)
    name: str = "expected_value"

    def walk(self, table: OutcomeTable) -> Walk:
        """See `Plan`."""
        return _ValueWalk(self, table)


@dataclass(slots=True)
class _Arrays:
    """The estimates of a table's arms, by arm and class."""

    places: list[int]
    right: Floats
    cost: Floats
    rejected: Floats
    stands: Floats


def _arrays(plan: ValuePlan, table: OutcomeTable) -> _Arrays:
    places = [k for k, arm in enumerate(table.arms) if _described(plan.estimates, table, k, arm)]
    arms = [plan.estimates.arms[table.arms[k]] for k in places]
    right = np.array([arm.p for arm in arms]).reshape(len(arms), -1)
    cost = np.array([arm.cost_usd for arm in arms]).reshape(len(arms), -1)
    verifier = plan.verifier
    rejected = 1 - (right * verifier.accept + (1 - right) * (1 - verifier.reject))
    with np.errstate(invalid="ignore", divide="ignore"):
        stands = np.where(rejected > 0, right * (1 - verifier.accept) / rejected, 0.0)
    return _Arrays(places, right, cost, rejected, stands)


def _described(estimates: LatentEstimates, table: OutcomeTable, k: int, arm: object) -> bool:
    known = estimates.arms.get(table.arms[k])
    return known is not None and known.cost_usd is not None and known.step == arm


@dataclass(frozen=True, slots=True)
class _Steps:
    """What every step brings at once, by class: (K, steps); and for each state its columns, arms and successors."""

    once: Floats
    states: list[tuple[int, slice, list[int], list[int]]]


class _ValueWalk:
    """See `Walk`."""

    def __init__(self, plan: ValuePlan, table: OutcomeTable) -> None:
        self.plan = plan
        self.table = table
        self.arrays = _arrays(plan, table)
        self.lattice: Lattice = lattice(tuple(table.arms[k] for k in self.arrays.places), plan.max_attempts)
        self.local = {arm: k for k, arm in enumerate(self.arrays.places)}
        self.survives = self._survival()
        self.evidence = np.tile(np.array(plan.estimates.weights), (len(table), 1))
        self.state: Ints = np.zeros(len(table), dtype=np.intp)
        self.last: Ints = np.full(len(table), STOP, dtype=np.intp)
        self.looks = True
        self.below: dict[int, _Steps] = {}

    def choose(self, rows: Ints) -> Ints:
        """See `Walk`."""
        chosen = np.full(len(rows), STOP, dtype=np.intp)
        states = self.state[rows]
        for state in np.unique(states):
            here = np.flatnonzero(states == state)
            width = max(1, _CELLS // max(self._steps_below(int(state)).once.shape[1], 1))
            for start in range(0, len(here), width):
                part = here[start : start + width]
                chosen[part] = self._best(int(state), self.evidence[rows[part]])
        return chosen

    def rejected(self, rows: Ints, arms: Ints) -> None:
        """See `Walk`."""
        self.last[rows] = arms
        for arm in np.unique(arms):
            taken = rows[arms == arm]
            for state in np.unique(self.state[taken]):
                here = taken[self.state[taken] == state]
                self.state[here] = self.lattice.after(int(state), self.local[int(arm)])
            if self.looks:
                self._look(taken, int(arm))

    def gives(self, rows: Ints) -> Ints:
        """See `Walk`. A verifier believed to be perfect leaves no answer to prefer: the last one stands."""
        if self.plan.verifier.perfect:
            return self.last[rows]
        given = np.full(len(rows), STOP, dtype=np.intp)
        for state in np.unique(self.state[rows]):
            here = np.flatnonzero(self.state[rows] == state)
            tried = self._tried(int(state))
            if tried:
                weights = self.evidence[rows[here]] * self.survives[state]
                best = (weights @ self.arrays.stands[tried].T).argmax(axis=1)
                given[here] = np.array(self.arrays.places)[np.array(tried)[best]]
        return given

    def blind(self) -> Walk:
        """See `Walk`."""
        other = copy(self)
        other.evidence, other.state, other.looks = self.evidence.copy(), self.state.copy(), False
        other.last = self.last.copy()
        return other

    def _tried(self, state: int) -> list[int]:
        bits = self.lattice.keys[state][0]
        return [k for k in range(len(self.arrays.places)) if bits >> k & 1]

    def _survival(self) -> Floats:
        """The chance, by class, that every attempt of a state was rejected: built along the steps."""
        survives = np.ones((len(self.lattice.keys), len(self.plan.estimates.weights)))
        for state, steps in enumerate(self.lattice.steps):
            for k, later in steps:
                survives[later] = survives[state] * self.arrays.rejected[k]
        return survives

    def _look(self, rows: Ints, arm: int) -> None:
        """Update the evidence of rows by the figures that a rejected attempt left behind."""
        known = self.plan.estimates.arms[self.table.arms[arm]]
        for name, trace in known.traces.items():
            values = self.table.cost if name == "cost_usd" else self.table.figures.get(name)
            if values is None:
                continue
            x = values[rows, arm]
            seen = np.isfinite(x)
            likelihood = _log_likelihoods(trace, x[seen])
            self.evidence[rows[seen]] *= np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
        totals = self.evidence[rows].sum(axis=1, keepdims=True)
        self.evidence[rows] /= np.maximum(totals, 1e-300)

    def _best(self, state: int, evidence: Floats) -> Ints:
        """The best arm of each row in a state (STOP where stopping is worth as much)."""
        steps = self._steps_below(state)
        worth = evidence @ steps.once
        values: dict[int, Floats] = {}
        for later, columns, arms, after in steps.states:
            best = self._giving(later, evidence)
            if len(arms):
                each = worth[:, columns] + np.stack([values[one] for one in after], axis=1)
                if later == state:
                    chosen = each.argmax(axis=1)
                    better = each[np.arange(len(each)), chosen] > best + 1e-15
                    return np.where(better, np.array(arms)[chosen], STOP)
                best = np.maximum(best, each.max(axis=1))
            values[later] = best
        return np.full(len(evidence), STOP, dtype=np.intp)

    def _steps_below(self, state: int) -> _Steps:
        """All steps from a state on, laid out for one matrix product; kept for the next rows."""
        if state not in self.below:
            gain = self.plan.value_usd * self.plan.verifier.accept
            states: list[tuple[int, slice, list[int], list[int]]] = []
            columns: list[Floats] = []
            for later in reversed(self.lattice.descendants(state)):
                taken = self.lattice.steps[later]
                place = slice(len(columns), len(columns) + len(taken))
                columns += [
                    self.survives[later] * (gain * self.arrays.right[k] - self.arrays.cost[k])
                    for k, _ in taken
                ]
                arms = [self.arrays.places[k] for k, _ in taken]
                states.append((later, place, arms, [after for _, after in taken]))
            once = np.array(columns).reshape(len(columns), self.survives.shape[1]).T
            self.below[state] = _Steps(np.ascontiguousarray(once), states)
        return self.below[state]

    def _giving(self, state: int, evidence: Floats) -> Floats:
        tried = self._tried(state)
        if self.plan.verifier.perfect or not tried:
            return np.zeros(len(evidence))
        stands = (self.survives[state] * self.arrays.stands[tried]).T
        return np.asarray(self.plan.value_usd * (evidence @ stands).max(axis=1))


def _log_likelihoods(trace: Trace | Flag, x: Floats) -> Floats:
    """As `likelihoods` of the trace, for many values: logs, (n, K)."""
    if isinstance(trace, Flag):
        p, share = np.array(trace.p), np.clip(x, 0.0, 1.0)[:, None]
        return np.asarray(trace.weight * (share * np.log(p) + (1 - share) * np.log1p(-p)))
    away = (np.log(np.maximum(x, 0.0) + trace.offset)[:, None] - np.array(trace.mean)) / trace.sd
    return np.asarray(-0.5 * trace.weight * away**2)
