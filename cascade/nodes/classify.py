"""classify: estimate P(pass) by tier, and let the policy choose where to start."""

from __future__ import annotations

import time

from cascade.codec import to_json
from cascade.events import Emit, Routed
from cascade.nodes.context import context_of
from cascade.nodes.services import Services
from cascade.nodes.situation import situation
from cascade.nodes.state import State, scope_of, task_of
from cascade.nodes.step import Here, Outcome
from cascade.trace.events import RouteDecided


async def classify(state: State, services: Services, emit: Emit, here: Here) -> Outcome:
    """Choose the first tier, or stop before anything is paid."""
    task = task_of(state)
    clock = time.perf_counter()
    probabilities = services.classifier.probabilities(task, tuple(services.tiers))
    latency = time.perf_counter() - clock
    decision = services.policy.decide(
        situation(services, task, (), probabilities, context=context_of(state, services))
    )
    services.sink.emit(
        RouteDecided(
            **scope_of(state, services.run).child(here.name).fields(),
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
    outcome = "stop" if decision.action in ("stop", "accept") else "routed"
    return Outcome(outcome, {"probabilities": probabilities, "decision": to_json(decision)})
