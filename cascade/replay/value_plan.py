"""The expected-value policy over tables: the same tree as `cascade.policy.tree`, for many tasks at once.

Beliefs are kept unnormalised: e[i, k] is task i's weight of class k by what attempts left behind, q[s, k]
the probability that class k survives the rejections of state s. Then with S(s) = e·q_s,

    U(s) = max(give(s), max_a  -e·(q_s c_a) + v·α·e·(q_s p_a) + U(s + a)),    V = U / S

so that a state's values for all tasks are a few matrix products. Where a classifier tells tasks apart before
anything was tried, p_a and q_s differ by task.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field

import numpy as np

from cascade.policy.latent import LatentEstimates
from cascade.policy.steps import Verifier
from cascade.replay.lattice import Lattice, lattice
from cascade.replay.plans import STOP, Walk
from cascade.replay.table import Floats, Ints, OutcomeTable
from cascade.replay.task_beliefs import TaskBeliefs

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


@dataclass(frozen=True, slots=True)
class _State:
    """A state below the one that is decided in: where its steps' columns stand, their arms, the states after them."""

    number: int
    columns: list[int]
    arms: list[int]
    after: list[int]


@dataclass(frozen=True, slots=True)
class _Below:
    """All states from one on, each after those that follow it. once: by class, (K, columns), what every step
    brings less what it takes, where tasks do not differ before anything was tried.
    """

    states: list[_State]
    once: Floats


class _ValueWalk:
    """See `Walk`."""

    def __init__(self, plan: ValuePlan, table: OutcomeTable) -> None:
        self.plan = plan
        self.beliefs = TaskBeliefs(plan.estimates, plan.verifier, table)
        self.places = self.beliefs.arms.places
        self.lattice: Lattice = lattice(tuple(table.arms[k] for k in self.places), plan.max_attempts)
        self.local = {arm: k for k, arm in enumerate(self.places)}
        self.state: Ints = np.zeros(len(table), dtype=np.intp)
        self.last: Ints = np.full(len(table), STOP, dtype=np.intp)
        self.below: dict[int, _Below] = {}

    def choose(self, rows: Ints) -> Ints:
        """See `Walk`."""
        chosen = np.full(len(rows), STOP, dtype=np.intp)
        states = self.state[rows]
        for state in np.unique(states):
            here = np.flatnonzero(states == state)
            width = max(1, _CELLS // max(self._below(int(state)).once.shape[1], 1))
            for start in range(0, len(here), width):
                part = here[start : start + width]
                chosen[part] = self._best(int(state), rows[part])
        return chosen

    def rejected(self, rows: Ints, arms: Ints) -> None:
        """See `Walk`."""
        self.last[rows] = arms
        for arm in np.unique(arms):
            taken = rows[arms == arm]
            for state in np.unique(self.state[taken]):
                here = taken[self.state[taken] == state]
                self.state[here] = self.lattice.after(int(state), self.local[int(arm)])
            self.beliefs.look(taken, int(arm))

    def gives(self, rows: Ints) -> Ints:
        """See `Walk`. A verifier believed to be perfect leaves no answer to prefer: the last one stands."""
        if self.plan.verifier.perfect:
            return self.last[rows]
        given = np.full(len(rows), STOP, dtype=np.intp)
        for state in np.unique(self.state[rows]):
            here = np.flatnonzero(self.state[rows] == state)
            tried = self._tried(int(state))
            if tried:
                best = self._standing(rows[here], tried).argmax(axis=0)
                given[here] = np.array(self.places)[np.array(tried)[best]]
        return given

    def blind(self) -> Walk:
        """See `Walk`."""
        other = copy(self)
        other.beliefs = self.beliefs.blind()
        other.state, other.last = self.state.copy(), self.last.copy()
        return other

    def _tried(self, state: int) -> list[int]:
        bits = self.lattice.keys[state][0]
        return [k for k in range(len(self.places)) if bits >> k & 1]

    def _standing(self, rows: Ints, tried: list[int]) -> Floats:
        """The tried arms' unnormalised chances of being right although rejected, (tried, n)."""
        evidence, arms = self.beliefs.evidence[rows], self.beliefs.arms
        survives = self.beliefs.survival(rows, tried)
        if not arms.per_task:
            return np.asarray((arms.stands[0, tried] * survives) @ evidence.T)
        weights = evidence * survives
        return np.asarray((arms.stands[rows][:, tried] * weights[:, None, :]).sum(axis=2).T)

    def _best(self, state: int, rows: Ints) -> Ints:
        """The best arm of each row in a state (STOP where stopping is worth as much)."""
        below = self._below(state)
        worth = self._worth(below, rows)
        values: dict[int, Floats] = {}
        for later in below.states:
            going = [worth[k] + values[after] for k, after in zip(later.columns, later.after, strict=True)]
            best = self._giving(later.number, rows)
            if later.number == state and going:
                each = np.stack(going)
                chosen = each.argmax(axis=0)
                better = each[chosen, np.arange(len(rows))] > best + 1e-15
                return np.where(better, np.array(self.places)[np.array(later.arms)[chosen]], STOP)
            for one in going:
                np.maximum(best, one, out=best)
            values[later.number] = best
        return np.full(len(rows), STOP, dtype=np.intp)

    def _worth(self, below: _Below, rows: Ints) -> Floats:
        """What every step below brings at once, (columns, n)."""
        evidence = self.beliefs.evidence[rows]
        if not self.beliefs.arms.per_task:
            return np.asarray(below.once.T @ evidence.T)
        right, cost = self.beliefs.rights(rows), self.beliefs.arms.cost
        worth = np.empty((below.once.shape[1], len(rows)))
        for state in below.states:
            weights = evidence * self.beliefs.survival(rows, self._tried(state.number))
            gain = self._gain * (right[:, state.arms] * weights[:, None, :]).sum(axis=2)
            worth[state.columns] = (gain - weights @ cost[state.arms].T).T
        return worth

    @property
    def _gain(self) -> float:
        """USD for an answer that is right: it has to be accepted, too."""
        return self.plan.value_usd * self.plan.verifier.accept

    def _below(self, state: int) -> _Below:
        """All steps from a state on, laid out for one matrix product; kept for the next rows."""
        if state not in self.below:
            states: list[_State] = []
            width = 0
            for later in reversed(self.lattice.descendants(state)):
                taken = self.lattice.steps[later]
                place = list(range(width, width + len(taken)))
                states.append(_State(later, place, [k for k, _ in taken], [after for _, after in taken]))
                width += len(taken)
            self.below[state] = _Below(states, self._once(states, width))
        return self.below[state]

    def _once(self, states: list[_State], width: int) -> Floats:
        arms = self.beliefs.arms
        once = np.zeros((self.beliefs.evidence.shape[1], width))
        nowhere: Ints = np.empty(0, dtype=np.intp)
        for state in states if not arms.per_task else ():
            survives = self.beliefs.survival(nowhere, self._tried(state.number))
            each = self._gain * arms.right[0, state.arms] - arms.cost[state.arms]
            once[:, state.columns] = (survives * each).T
        return once

    def _giving(self, state: int, rows: Ints) -> Floats:
        tried = self._tried(state)
        if self.plan.verifier.perfect or not tried:
            return np.zeros(len(rows))
        return np.asarray(self.plan.value_usd * self._standing(rows, tried).max(axis=0))
