"""How a task ends: the accepted answer, or the best there is and why it was not accepted."""

from __future__ import annotations

import time
from decimal import Decimal

from cascade.codec import to_json
from cascade.events import Emit, Finished
from cascade.nodes.services import Services
from cascade.nodes.state import State, Update, attempts_of, scope_of, task_of
from cascade.policy.base import Decision
from cascade.trace.events import TaskFinished
from cascade.types import Attempt, Result, TaskStatus


def ending(state: State, services: Services, emit: Emit, decision: Decision) -> Update:
    """Close the task: its result, its last event."""
    task, attempts = task_of(state), attempts_of(state)
    given = attempts[-1] if decision.action == "accept" else best(attempts)
    failed = next((attempt for attempt in reversed(attempts) if attempt.error), None)
    status = _status(decision, given, failed)
    result = Result(
        id=task.id,
        status=status,
        output=given.output if given else "",
        files=given.files if given else {},
        tier=given.tier if given else None,
        attempts=attempts,
        cost_usd=total(attempts),
        latency_s=time.time() - state["started"],
        reason=decision.reason,
        given=given.number if given else None,
        error=failed.error if failed and status == "error" else None,
    )
    services.sink.emit(
        TaskFinished(
            **scope_of(state, services.run).fields(),
            status=result.status,
            tier=result.tier,
            attempts=len(attempts),
            cost_usd=result.cost_usd,
            latency_s=result.latency_s,
            reason=result.reason,
            error=result.error,
        )
    )
    emit(Finished(task_id=task.id, result=result))
    return {"result": to_json(result)}


def _status(decision: Decision, given: Attempt | None, failed: Attempt | None) -> TaskStatus:
    if decision.action == "accept":
        return "accepted"
    if decision.exhausted:
        return "budget_exhausted"
    return "error" if given is None and failed is not None else "rejected"


def best(attempts: tuple[Attempt, ...]) -> Attempt | None:
    """The answer to give back when none was accepted: the better verdict, then fewer errors, then the later."""
    answered = [attempt for attempt in attempts if attempt.error is None and attempt.verdict is not None]
    rank = {"passed": 0, "unchecked": 1, "failed": 2}

    def key(attempt: Attempt) -> tuple[int, int, int]:
        assert attempt.verdict is not None
        errors = sum(found.severity == "error" for found in attempt.verdict.diagnostics)
        return rank[attempt.verdict.status], errors, -attempt.number

    return min(answered, key=key, default=None)


def total(attempts: tuple[Attempt, ...]) -> Decimal | None:
    """USD of all attempts; None as soon as the price of one is unknown."""
    costs = [attempt.cost_usd for attempt in attempts]
    return None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0))
