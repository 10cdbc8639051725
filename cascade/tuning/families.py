"""Families of policies: each learns from a search part and then has one dial, v, the worth of a solved task."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import numpy as np

from cascade.policy.latent import LatentEstimates
from cascade.policy.steps import Step, Verifier
from cascade.replay.orders import Order, all_orders
from cascade.replay.plans import FixedPlan, Plan
from cascade.replay.table import OutcomeTable
from cascade.replay.value_plan import ValuePlan
from cascade.tuning.estimates import FitSettings, fit_estimates
from cascade.tuning.routed import RoutedPlan

if TYPE_CHECKING:
    from cascade.tuning.texts import Router, Texts

Change: TypeAlias = Literal["step", "gradual", "by task"]

_MOST_ARMS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What is searched. arms: those that may be used (None: all). longest: attempts in a fixed order at most;
    max_attempts: in an adaptive policy (None: as many as there are arms). verifier: what is assumed of the checks.
    texts: the tasks', for families that read them.
    """

    arms: tuple[Step, ...] | None = None
    longest: int = 4
    max_attempts: int = 6
    verifier: Verifier = field(default_factory=Verifier)
    fit: FitSettings = field(default_factory=FitSettings)
    texts: Texts | None = None


class Learnt(Protocol):
    """A family that has seen its search part."""

    def plan(self, value_usd: float) -> Plan:
        """The member for this worth of a solved task."""
        ...

    def under(self, verifier: Verifier, *, unseen: Collection[str] = ()) -> Learnt:
        """The same, believing otherwise of the checks; unseen: names of figures that a run will not know."""
        ...


class Family(Protocol):
    """Learns from a search part."""

    @property
    def name(self) -> str:
        """For reports."""
        ...

    @property
    def change(self) -> Change:
        """How members change where the dial does: by a step, a little for many tasks at once, or task by task."""
        ...

    def learn(self, table: OutcomeTable, space: Space) -> Learnt:
        """Look at a search part."""
        ...


@dataclass(frozen=True, slots=True)
class Adaptive:
    """The expected-value policy on estimates learnt from the search part: order, retries and stops by task."""

    name: str = "adaptive"
    change: Change = "gradual"

    def learn(self, table: OutcomeTable, space: Space) -> Learnt:
        """See `Family`."""
        return _LearntAdaptive(_estimates(table, space), space)


@dataclass(frozen=True, slots=True)
class _LearntAdaptive:
    estimates: LatentEstimates
    space: Space

    def plan(self, value_usd: float) -> ValuePlan:
        most = min(self.space.max_attempts, len(self.estimates.arms))
        return ValuePlan(self.estimates, value_usd, most, self.space.verifier, name="adaptive")

    def under(self, verifier: Verifier, *, unseen: Collection[str] = ()) -> _LearntAdaptive:
        known = silent(self.estimates, unseen)
        return replace(self, estimates=known, space=replace(self.space, verifier=verifier))


@dataclass(frozen=True, slots=True)
class Reading:
    """The same, told by a classifier of the tasks' texts that is fitted on the search part.

    Where the texts tell nothing there, its members are those of `Adaptive`.
    """

    name: str = "adaptive-texts"
    change: Change = "by task"

    def learn(self, table: OutcomeTable, space: Space) -> Learnt:
        """See `Family`."""
        router = space.texts.learn(table) if space.texts is not None else None
        if router is None:
            return Adaptive().learn(table, space)
        return _LearntReading(_LearntAdaptive(_estimates(router.learnt(table), space), space), router)


@dataclass(frozen=True, slots=True)
class _LearntReading:
    adaptive: _LearntAdaptive
    router: Router

    def plan(self, value_usd: float) -> RoutedPlan:
        return RoutedPlan(self.adaptive.plan(value_usd), self.router)

    def under(self, verifier: Verifier, *, unseen: Collection[str] = ()) -> _LearntReading:
        return replace(self, adaptive=self.adaptive.under(verifier, unseen=unseen))


def _estimates(table: OutcomeTable, space: Space) -> LatentEstimates:
    """What a table tells of the arms worth offering. What a classifier says of other tiers, a run does not know."""
    useful = _useful(table, space)
    tiers = {arm.tier for arm in useful}
    if table.probabilities and not tiers.issuperset(table.tiers):
        table = table.only([tier for tier in table.tiers if tier in tiers])
    return restricted(fit_estimates(table, space.fit), useful)


def _useful(table: OutcomeTable, space: Space) -> tuple[Step, ...]:
    """The arms worth offering: all where they are few, else the cheapest and the likeliest to be right.

    The tree doubles with every arm; what is dear and not the best is the first to be done without.
    """
    offered = space.arms if space.arms is not None else table.arms
    if len(offered) <= _MOST_ARMS:
        return offered
    places = [k for k, arm in enumerate(table.arms) if arm in offered]
    by_cost = sorted(places, key=table.mean_cost)
    best = max(places, key=lambda k: float(np.nanmean(table.outcome[:, k])))
    kept = {*by_cost[: _MOST_ARMS - 1], best}
    return tuple(table.arms[k] for k in places if k in kept)


def restricted(estimates: LatentEstimates, arms: Sequence[Step] | None) -> LatentEstimates:
    """The same estimates, describing some arms only."""
    if arms is None:
        return estimates
    return replace(estimates, arms={step: arm for step, arm in estimates.arms.items() if step in arms})


def silent(estimates: LatentEstimates, names: Collection[str]) -> LatentEstimates:
    """The same estimates, taking nothing from some figures that attempts leave behind."""
    arms = {
        step: replace(arm, traces={name: one for name, one in arm.traces.items() if name not in names})
        for step, arm in estimates.arms.items()
    }
    return replace(estimates, arms=arms)


@dataclass(frozen=True, slots=True)
class Fixed:
    """The best fixed order of attempts, the last answer standing where none was accepted."""

    name: str = "fixed"
    change: Change = "step"

    def learn(self, table: OutcomeTable, space: Space) -> LearntFixed:
        """See `Family`."""
        if space.arms is not None:
            table = table.columns([k for k, arm in enumerate(table.arms) if arm in space.arms])
        found = all_orders(table, longest=space.longest, verifier=space.verifier)
        return LearntFixed(tuple(found), self.name, space.verifier)


@dataclass(frozen=True, slots=True)
class LearntFixed:
    """Every order of the search, with its figures. verifier: what was believed of the checks."""

    orders: tuple[Order, ...]
    name: str = "fixed"
    verifier: Verifier = field(default_factory=Verifier)

    def plan(self, value_usd: float) -> FixedPlan:
        """See `Learnt`; between equals the shorter order."""
        return FixedPlan(self._best(value_usd).steps, name=self.name)

    def under(self, verifier: Verifier, *, unseen: Collection[str] = ()) -> LearntFixed:  # noqa: ARG002
        """See `Learnt`; the orders' figures stay those that they were found with."""
        return replace(self, verifier=verifier)

    def worth(self, value_usd: float) -> float:
        """What the best order brings on the search part, in USD a task."""
        best = self._best(value_usd)
        return value_usd * best.success - best.cost

    def _best(self, value_usd: float) -> Order:
        return max(self.orders, key=lambda one: (value_usd * one.success - one.cost, -len(one.steps)))
