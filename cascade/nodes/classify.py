"""classify: estimate P(pass) by tier, and let the policy choose where to start."""

from __future__ import annotations

import time

from cascade.codec import to_json
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
    scope = from_state(state, task)
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
    }
    if decision.action == "stop":
        update |= ending({**state, **update}, services, emit, decision)
    return update


def from_state(state: State, task: Task) -> Scope:
    """A new root span for the task, in the run that the state names, if it names one."""
    run_id = state.get("scope", {}).get("run_id")
    return Scope.of_run(run_id).of_task(task.id)


def _started(task: Task, scope: Scope, services: Services) -> TaskStarted:
    rule = services.content
    return TaskStarted(
        **scope.fields(),
        prompt=content_of(task.prompt, rule),
        files={path: content_of(text, rule) for path, text in task.files.items()},
        tests={path: content_of(text, rule) for path, text in task.tests.items()},
        target=task.target,
        metadata=dict(task.metadata),
    )
