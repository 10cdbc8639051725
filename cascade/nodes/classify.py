"""classify: estimate P(pass) by tier, and let the policy choose where to start."""

from __future__ import annotations

import time

from cascade.codec import to_json
from cascade.errors import InputError
from cascade.events import Emit, Routed
from cascade.nodes.ending import ending
from cascade.nodes.services import Services
from cascade.nodes.situation import situation
from cascade.nodes.state import State, Update, task_of
from cascade.trace.content import content_of
from cascade.trace.events import RouteDecided, TaskStarted
from cascade.trace.ids import Scope
from cascade.types import Task


async def classify(state: State, services: Services, emit: Emit) -> Update:
    """Start the task's trace and choose the first tier. Raises InputError if the state holds no task."""
    task = task_of(state)
    scope = services.run.of_task(task.id)
    _known_validators(task, services)
    begun = time.time()
    services.sink.emit(_started(task, scope, services))
    clock = time.perf_counter()
    probabilities = services.classifier.probabilities(task, tuple(services.tiers))
    latency = time.perf_counter() - clock
    decision = services.policy.decide(situation(services, task, (), probabilities))
    services.sink.emit(
        RouteDecided(
            **scope.child("classify").fields(),
            classifier=services.classifier.name,
            version=services.classifier.version,
            probabilities=probabilities,
            tier=decision.tier,
            propensity=decision.propensity,
            explored=decision.explored,
            latency_s=latency,
            reason=decision.reason,
        )
    )
    emit(Routed(task_id=task.id, probabilities=probabilities, decision=decision))
    update: Update = {
        "task": to_json(task),
        "scope": to_json(scope),
        "started": begun,
        "probabilities": probabilities,
        "decision": to_json(decision),
        "attempts": None,
        "pending": None,
        "result": None,
    }
    if decision.action == "stop":
        update |= ending({**state, **update}, services, emit, decision)
    return update


def _known_validators(task: Task, services: Services) -> None:
    """An unknown validator is found before anything is paid."""
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
