"""decide: accept, retry, escalate or stop."""

from __future__ import annotations

from cascade.codec import to_json
from cascade.events import Decided, Emit
from cascade.nodes.ending import ending
from cascade.nodes.services import Services
from cascade.nodes.situation import situation
from cascade.nodes.state import State, Update, attempts_of, scope_of, task_of
from cascade.trace.events import OptionRecord, PolicyDecided


async def decide(state: State, services: Services, emit: Emit) -> Update:
    """Ask the policy for the next step; an accept or a stop ends the task."""
    task, attempts = task_of(state), attempts_of(state)
    decision = services.policy.decide(situation(services, task, attempts, state["probabilities"]))
    services.sink.emit(
        PolicyDecided(
            **scope_of(state, services.run).child("decide").fields(),
            policy=services.policy.name,
            attempt=len(attempts),
            action=decision.action,
            tier=decision.tier,
            reason=decision.reason,
            options=tuple(OptionRecord(**to_json(option)) for option in decision.options),
            propensity=decision.propensity,
            explored=decision.explored,
            history=decision.history,
        )
    )
    emit(Decided(task_id=task.id, decision=decision))
    update: Update = {"decision": to_json(decision)}
    if decision.action in ("accept", "stop"):
        update |= ending(state, services, emit, decision)
    return update
