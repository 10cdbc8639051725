"""shadow: after a task's end, first attempts at the tiers that it did not try afresh, for the log alone.

A step draws, each further step makes one attempt, so that a checkpoint stands between any two. Nothing is told to
the stream, and nothing of the result changes.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from cascade.codec import from_json
from cascade.config.graph import Node
from cascade.errors import BudgetExhaustedError
from cascade.events import Event
from cascade.nodes.attempt import Call, Terms, prepare
from cascade.nodes.check import Judgement, checked
from cascade.nodes.services import Services
from cascade.nodes.shadowing import Shadows, drawn
from cascade.nodes.state import State, attempts_of, next_number, scope_of, task_of
from cascade.nodes.step import Here, Outcome
from cascade.trace.events import ShadowDrawn, ShadowSkipped
from cascade.trace.ids import Scope

AGAIN, OVER = "again", "over"
NAME = "shadow"
BEGUN, SPENT = "shadow.begun", "budget.shadow"
_LOG = logging.getLogger("cascade.shadow")


async def shadow(state: State, services: Services) -> Outcome:
    """One step of a task's shadow; the outcome `over` once nothing is left to be made.

    A task that was resumed after its end by another process gets none: whether it was paid there is not known here.
    """
    shadows = services.shadows
    if shadows is None or from_json(Scope, state["scope"]).run_id != services.run.run_id:
        return Outcome(OVER, {})
    plan = state.get("shadowing")
    left: list[str] = [] if plan is None else plan["left"]
    try:
        if plan is None:
            left = list(_draw(state, services, shadows))
        else:
            tier, *left = left
            await _make(state, services, shadows, tier=tier)
    except Exception as error:  # noqa: BLE001  (the task has ended: nothing that comes of this may change that)
        task, what = task_of(state), type(error).__name__
        _LOG.warning("a shadow of task %r came to nothing: %s: %s", task.id, what, error)
    return Outcome(AGAIN if left else OVER, {"shadowing": {"left": left}})


def _draw(state: State, services: Services, shadows: Shadows) -> tuple[str, ...]:
    """The tiers that are to be called: none, unless the task's trace id puts it into the sample."""
    if shadows.closed:
        return ()
    scope = scope_of(state, services.run)
    draw = drawn(scope.trace_id)
    sampled = draw < shadows.rate
    known = {
        attempt.tier
        for attempt in attempts_of(state)
        if attempt.error is None and attempt.tier_attempt == 1 and attempt.after is None
    }
    missing = tuple(tier for tier in shadows.tiers if tier not in known) if sampled else ()
    services.sink.emit(
        ShadowDrawn(
            **scope.child(NAME).fields(),
            propensity=shadows.rate,
            draw=draw,
            sampled=sampled,
            tiers=shadows.tiers,
            missing=missing,
        )
    )
    return missing


async def _make(state: State, services: Services, shadows: Shadows, *, tier: str) -> None:
    """Make one attempt, as if the task began with it, and judge it."""
    scope, task = scope_of(state, services.run), task_of(state)
    apart = replace(
        services, budget=shadows.budget, forecast=shadows.forecast, per_task_usd=None, per_task_s=None
    )
    call = await _reserved(state, apart, shadows, tier=tier)
    if call is None:
        return
    shadows.begun.add((scope.trace_id, tier))
    attempt = await call.make()
    if attempt.error is None:
        attempt, latency = await checked(task, attempt, apart, shadows.validators)
        assert attempt.verdict is not None, "it was checked"
        told = Judgement(task, scope.child(NAME), attempt, attempt.verdict, latency)
        told.publish(apart, _silent, shadow=True)
    shadows.begun.discard((scope.trace_id, tier))


async def _reserved(state: State, services: Services, shadows: Shadows, *, tier: str) -> Call | None:
    """The call, its worst case set aside; None if it is not to be made, which is written down."""
    scope = scope_of(state, services.run)
    if (scope.trace_id, tier) in shadows.begun:
        _skip(scope, services, tier=tier, code=BEGUN, reason="it was cut off before, and is not paid twice")
        return None
    afresh: State = {**state, "attempts": None, "pending": None, "decision": None}
    here = Here(name=NAME, declared=Node(), interrupt=_nobody)
    terms = Terms(tier=tier, number=next_number(state) + shadows.tiers.index(tier), shadow=True)
    try:
        call = await prepare(afresh, services, _silent, here=here, terms=terms)
    except BudgetExhaustedError as error:
        shadows.closed = True
        _skip(scope, services, tier=tier, code=error.code, reason=error.message)
        return None
    if shadows.closed:
        call.release()
        _skip(scope, services, tier=tier, code=SPENT, reason="the shadow budget did not suffice before")
        return None
    return call


def _skip(scope: Scope, services: Services, *, tier: str, code: str, reason: str) -> None:
    services.sink.emit(ShadowSkipped(**scope.child(NAME).fields(), tier=tier, code=code, reason=reason))


def _silent(_event: Event) -> None:
    """Whoever listens has the task's end already."""


def _nobody(_value: object) -> None:
    """Nobody is asked in a shadow."""
