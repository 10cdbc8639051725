"""How a task begins: what is checked before anything is paid, its first event, a clean state."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal

from cascade.codec import from_json, to_json
from cascade.errors import InputError
from cascade.nodes.context import open_context, reopen_context
from cascade.nodes.ending import total
from cascade.nodes.services import Preparable, Services
from cascade.nodes.state import Parent, State, Update, attempts_of, task_of
from cascade.trace.content import content_of
from cascade.trace.events import TaskResumed, TaskStarted
from cascade.trace.ids import Scope
from cascade.types import Attempt, Task


async def begin(state: State, services: Services) -> Update:
    """Open the task, its workspace looked at before anything is paid.

    Raises InputError if the state holds no task, or if the task's validators or its workspace are not there.

    What an earlier task left on the same thread is cleared. A task within another graph's has its parent's trace.
    """
    task = task_of(state)
    _known_validators(task, services)
    if isinstance(services.checks, Preparable):
        await services.checks.prepare(task)
    shown = await open_context(state, services)
    parent = state.get("parent")
    if parent is None:
        scope = services.run.of_task(task.id)
        services.sink.emit(_started(task, scope, services))
    else:
        scope = from_json(Scope, from_json(Parent, parent).scope)
    return {
        "task": to_json(task),
        "scope": to_json(scope),
        "started": time.time(),
        "probabilities": {},
        "attempts": None,
        "pending": None,
        "decision": None,
        "result": None,
        "visits": {},
        "shadowing": None,
        **shown,
    }


async def resume(state: State, services: Services) -> Update:
    """Go on with a task that another run began: written down once, so that this run's trace is whole."""
    shown = await reopen_context(state, services)
    scope = from_json(Scope, state["scope"])
    if scope.run_id == services.run.run_id or state.get("parent") is not None:
        return shown
    attempts = attempts_of(state)
    pending = state.get("pending")
    made = attempts if pending is None else (*attempts, from_json(Attempt, pending))
    here = replace(scope, run_id=services.run.run_id)
    services.sink.emit(
        TaskResumed(
            **here.fields(),
            attempts=len(made),
            cost_usd=total(made),
            unknown_usd=sum((attempt.unknown_usd for attempt in made), Decimal(0)),
        )
    )
    return {"scope": to_json(here), **shown}


def _known_validators(task: Task, services: Services) -> None:
    unknown = [name for name in task.validators or () if name not in services.checks.names]
    if unknown:
        known = ", ".join(services.checks.names) or "none"
        raise InputError(
            f"task {task.id!r} names unknown validators: {', '.join(unknown)}",
            hint=f"configured are: {known}",
        )


def _started(task: Task, scope: Scope, services: Services) -> TaskStarted:
    rule = services.content
    return TaskStarted(
        **scope.fields(),
        prompt=content_of(task.prompt, rule),
        files={path: content_of(text, rule) for path, text in task.files.items()},
        tests={path: content_of(text, rule) for path, text in task.tests.items()},
        target=task.target,
        metadata=dict(task.metadata),
        tools=list(task.tools) if task.tools and rule == "full" else None,
    )
