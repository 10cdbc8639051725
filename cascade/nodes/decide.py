"""decide: accept, retry, escalate or stop."""

from __future__ import annotations

from cascade.codec import to_json
from cascade.events import Decided, Emit
from cascade.nodes.context import context_of
from cascade.nodes.services import Services
from cascade.nodes.situation import situation
from cascade.nodes.state import State, attempts_of, scope_of, task_of
from cascade.nodes.step import Here, Outcome
from cascade.trace.events import OptionRecord, PolicyDecided


async def decide(state: State, services: Services, emit: Emit, here: Here) -> Outcome:
    """Ask the policy for the next step: the node's own policy where it has one."""
    task, attempts = task_of(state), attempts_of(state)
    policy = services.node_policies.get(here.name, services.policy)
    probabilities = state.get("probabilities") or services.classifier.probabilities(
        task, tuple(services.tiers)
    )
    # What another config's tiers tried is not in this policy's world.
    own = tuple(attempt for attempt in attempts if attempt.tier in services.tiers)
    decision = policy.decide(
        situation(services, task, own, probabilities, context=context_of(state, services))
    )
    services.sink.emit(
        PolicyDecided(
            **scope_of(state, services.run).child(here.name).fields(),
            policy=policy.name,
            attempt=attempts[-1].number if attempts else 0,
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
    outcome = "escalate" if decision.action == "start" else decision.action
    return Outcome(outcome, {"decision": to_json(decision), "probabilities": dict(probabilities)})
