"""How a task ends: the accepted answer, or the best there is and why it was not accepted."""

from __future__ import annotations

import time
from decimal import Decimal

from cascade.codec import from_json, to_json
from cascade.config.graph import ACCEPT, END
from cascade.errors import CascadeError
from cascade.events import Emit, Finished
from cascade.nodes.services import Services
from cascade.nodes.state import State, Update, attempts_of, decision_of, merged, scope_of, task_of
from cascade.policy.base import Decision
from cascade.policy.judge import doubted
from cascade.results import result_record
from cascade.trace.events import TaskFinished
from cascade.trace.ids import Scope
from cascade.types import Attempt, Result, TaskStatus, Verdict


def close(state: State, services: Services, emit: Emit, end: str) -> Update:
    """End the task as an edge to ACCEPT, STOP or END says: its result, and its last event.

    A graph within another's ends without an event of its own.
    """
    pending = state.get("pending")
    kept: Update = {} if pending is None else {"attempts": [pending], "pending": None}
    state = merged(state, kept)
    attempts = attempts_of(state)
    result = _result(state, attempts, _final(state, attempts, end))
    if state.get("parent") is None:
        services.sink.emit(_finished(scope_of(state, services.run), result, services))
        emit(Finished(task_id=result.id, result=result))
    return {**kept, "result": to_json(result)}


def fail(state: State, services: Services, error: CascadeError) -> None:
    """End the task whose node raised `error`: what was spent, and the best answer, stay with it.

    The error carries the result to whoever catches it.
    """
    pending = state.get("pending")
    attempts = attempts_of(state)
    if pending is not None:
        attempts = (*attempts, from_json(Attempt, pending))
    given = best(attempts)
    error.result = Result(
        id=task_of(state).id,
        status="error",
        output=given.output if given else "",
        files=given.files if given else {},
        tier=given.tier if given else None,
        attempts=attempts,
        cost_usd=total(attempts),
        latency_s=time.time() - state["started"],
        reason=error.message,
        given=given.number if given else None,
        error=error.code,
    )
    if state.get("parent") is None:
        _write_end(state, services, error, error.result)


def _write_end(state: State, services: Services, error: CascadeError, result: Result) -> None:
    """The task's end in the trace; where that cannot be written, the error under way says so too."""
    try:
        services.sink.emit(_finished(scope_of(state, services.run), result, services))
    except CascadeError:
        raise
    except Exception as unwritten:  # noqa: BLE001  (said in a note; the error under way is what ended the task)
        error.add_note(f"its end could not be written to the trace: {unwritten}")


def _final(state: State, attempts: tuple[Attempt, ...], end: str) -> Decision:
    """The decision that ends the task: the policy's, or what the edge and the last verdict say."""
    made = decision_of(state)
    last = attempts[-1] if attempts else None
    passed = last is not None and last.verdict is not None and last.verdict.status == "passed"
    passed = passed and last is not None and not doubted(last)
    ended = made is not None and made.action in ("accept", "stop")
    if made is not None and ended and (end == END or (made.action == "accept") == (end == ACCEPT)):
        return made
    tier = last.tier if last else None
    if last is not None and (end == ACCEPT or (end == END and passed)):
        return Decision(action="accept", tier=tier, reason=f"accept: the graph ends here ({_way(state)})")
    return Decision(action="stop", tier=tier, reason=f"stop: the graph ends here ({_way(state)})")


def _way(state: State) -> str:
    return state.get("outcome") or "no outcome"


def _result(state: State, attempts: tuple[Attempt, ...], decision: Decision) -> Result:
    task = task_of(state)
    given = (
        _accepted(attempts, decision)
        if decision.action == "accept"
        else best(attempts, tier=decision.tier, number=decision.given)
    )
    failed = next((attempt for attempt in reversed(attempts) if attempt.error), None)
    status = _status(decision, given, failed)
    return Result(
        id=task.id,
        status=status,
        output=given.output if given else "",
        files=given.files if given else {},
        deleted=given.deleted if given else (),
        patch=given.patch if given else "",
        tier=given.tier if given else None,
        attempts=attempts,
        cost_usd=total(attempts),
        latency_s=time.time() - state["started"],
        reason=_causes(attempts) or decision.reason if status == "error" else decision.reason,
        given=given.number if given else None,
        error=failed.error if failed and status == "error" else None,
    )


def _causes(attempts: tuple[Attempt, ...]) -> str:
    """Why there is no answer: the first failure at each tier, not what followed from it."""
    first: dict[str, str] = {}
    for attempt in attempts:
        if attempt.error is not None:
            first.setdefault(attempt.tier, (attempt.error_message or attempt.error).partition("\n")[0])
    return "; ".join(
        cause if cause.startswith(f"{tier}@") else f"{tier}: {cause}" for tier, cause in first.items()
    )


def _accepted(attempts: tuple[Attempt, ...], decision: Decision) -> Attempt:
    return next((one for one in attempts if one.number == decision.given), attempts[-1])


def _finished(scope: Scope, result: Result, services: Services) -> TaskFinished:
    return TaskFinished(
        **scope.fields(),
        status=result.status,
        tier=result.tier,
        given=result.given,
        attempts=len(result.attempts),
        cost_usd=result.cost_usd,
        unknown_usd=sum((attempt.unknown_usd for attempt in result.attempts), Decimal(0)),
        latency_s=result.latency_s,
        reason=result.reason,
        error=result.error,
        result=result_record(result, content=services.content == "full"),
    )


def _status(decision: Decision, given: Attempt | None, failed: Attempt | None) -> TaskStatus:
    if decision.action == "accept":
        return "accepted"
    if decision.exhausted:
        return "budget_exhausted"
    return "error" if given is None and failed is not None else "rejected"


def best(
    attempts: tuple[Attempt, ...], *, tier: str | None = None, number: int | None = None
) -> Attempt | None:
    """The answer to give back when none was accepted: the better verdict, the likelier to be right where judged,
    then the one that the policy thinks the best, by its number or its tier, then fewer errors, then the later."""
    answered = [attempt for attempt in attempts if attempt.error is None]
    rank = {"passed": 0, "unchecked": 2, "failed": 3}

    def key(attempt: Attempt) -> tuple[int, float, bool, bool, int, int]:
        verdict = attempt.verdict or Verdict(status="unchecked")
        errors = sum(found.severity == "error" for found in verdict.diagnostics)
        likely = attempt.judged.p if attempt.judged is not None else 0.0
        place = 1 if doubted(attempt) else rank[verdict.status]
        return place, -likely, attempt.number != number, attempt.tier != tier, errors, -attempt.number

    return min(answered, key=key, default=None)


def total(attempts: tuple[Attempt, ...]) -> Decimal | None:
    """USD of all attempts; None as soon as the price of one is unknown."""
    costs = [attempt.cost_usd for attempt in attempts]
    return None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0))
