"""The graph: which way a task goes, what each attempt is shown, what is booked and written down."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
import pytest

from cascade.errors import InputError, ModelError
from cascade.events import AttemptEnded, AttemptStarted, Delta, Finished, Routed, Validated
from cascade.graph import compile_graph, invoke, stream
from cascade.models.early import StopRules
from cascade.models.scripted import Reply
from cascade.policy.fixed import FixedPolicy
from cascade.trace.events import AttemptFailed, AttemptFinished, PolicyDecided
from cascade.trace.events import AttemptStarted as Started
from cascade.types import Task, Usage
from tests.machine.doubles import BAD, GOOD, Machine, WordChecks, task
from tests.waiting import NEVER_S, until


async def test_a_good_first_answer_is_accepted() -> None:
    machine = Machine()
    result = await invoke(machine.graph, task())
    assert (result.status, result.tier, len(result.attempts)) == ("accepted", "flash", 1)
    assert result.files == {"solution.py": "right = True\n"}


async def test_a_failure_is_retried_with_its_diagnostics_then_escalated() -> None:
    machine = Machine(flash=[BAD, BAD])
    result = await invoke(machine.graph, task())
    assert [attempt.tier for attempt in result.attempts] == ["flash", "flash", "pro"]
    retry = machine.models["flash"].requests[1]
    assert "wrong answer number 1" in str(retry.messages)
    assert (retry.tier_attempt, retry.after, retry.history) == (2, "flash", "diagnostics")
    escalation = machine.models["pro"].requests[0]
    assert (escalation.tier_attempt, escalation.after, escalation.history) == (1, None, "none")
    assert [
        event.action for event in machine.events("policy.decided") if isinstance(event, PolicyDecided)
    ] == [
        "retry",
        "escalate",
        "accept",
    ]


async def test_full_history_continues_the_former_request_byte_for_byte() -> None:
    machine = Machine(flash=[BAD, BAD], history="full")
    await invoke(machine.graph, task())
    first, second = machine.models["flash"].requests
    third = machine.models["pro"].requests[0]
    for former, following in ((first, second), (second, third)):
        assert orjson.dumps(list(following.messages)).startswith(orjson.dumps(list(former.messages))[:-1])
        assert len(following.messages) == len(former.messages) + 2


async def test_nothing_good_gives_the_best_answer_back_as_rejected() -> None:
    machine = Machine(flash=[BAD], pro=[BAD])
    result = await invoke(machine.graph, task())
    assert (result.status, len(result.attempts)) == ("rejected", 4)
    assert result.output == BAD
    assert "no attempt is left" in result.reason


async def test_an_answer_without_code_is_fed_back_not_a_crash() -> None:
    machine = Machine(flash=["I would rather not.", GOOD])
    result = await invoke(machine.graph, task())
    assert result.status == "accepted"
    assert "no code block" in str(machine.models["flash"].requests[1].messages)
    assert len(machine.checks.seen) == 1


async def test_a_cut_off_answer_is_not_checked_but_fed_back() -> None:
    machine = Machine(flash=[Reply(text=GOOD, finish_reason="length"), GOOD])
    result = await invoke(machine.graph, task())
    assert result.status == "accepted"
    assert "cut off" in str(machine.models["flash"].requests[1].messages)


async def test_unchecked_is_given_back_and_never_escalates() -> None:
    machine = Machine(flash=["```python\nunclear = 1\n```"])
    result = await invoke(machine.graph, task())
    assert (result.status, len(result.attempts)) == ("rejected", 1)
    assert result.verdict is not None
    assert result.verdict.status == "unchecked"


async def test_a_failed_call_is_an_attempt_with_its_error_and_the_next_tier_is_asked() -> None:
    machine = Machine(flash=[ModelError("down", code="model.unreachable")])
    result = await invoke(machine.graph, task())
    assert (result.status, result.tier) == ("accepted", "pro")
    assert result.attempts[0].error == "model.unreachable"
    (failed,) = machine.events("attempt.failed")
    assert isinstance(failed, AttemptFailed)
    assert failed.code == "model.unreachable"


async def test_if_every_call_fails_the_task_ends_as_error() -> None:
    down = ModelError("down", code="model.unreachable")
    machine = Machine(flash=[down], pro=[down])
    result = await invoke(machine.graph, task())
    assert (result.status, result.error) == ("error", "model.unreachable")


async def test_ledger_trace_and_result_tell_the_same_sum() -> None:
    machine = Machine(
        flash=[Reply(text=BAD, usage=Usage(input=1000, cached_input=600, output=100))], pro=[BAD]
    )
    result = await invoke(machine.graph, task())
    ended = [event for event in machine.events("attempt.finished") if isinstance(event, AttemptFinished)]
    assert sum((event.cost_usd or Decimal(0) for event in ended), Decimal(0)) == result.cost_usd
    assert machine.ledger.total.cost_usd == result.cost_usd
    assert (
        ended[0].cost_usd == (400 * Decimal("0.15") + 600 * Decimal("0.003") + 100 * Decimal("0.6")) / 10**6
    )
    assert machine.run_budget.spent == result.cost_usd
    assert machine.run_budget.reserved == 0


async def test_attempt_started_stands_in_the_trace_before_the_call_is_made() -> None:
    machine = Machine()
    seen: list[str] = []
    model = machine.models["flash"]
    answer = model.generate

    async def watched(request: object, *, observe: object = None) -> object:
        seen.extend(event.event for event in machine.sink.events)
        return await answer(request, observe=observe)  # type: ignore[arg-type]

    model.generate = watched  # type: ignore[method-assign,assignment]
    await invoke(machine.graph, task())
    assert seen[-1] == "attempt.started"


async def test_a_call_that_does_not_fit_the_budget_is_not_made() -> None:
    machine = Machine(per_task=Decimal("0.0000001"))
    result = await invoke(machine.graph, task())
    assert result.status == "budget_exhausted"
    assert machine.models["flash"].requests == []


async def test_a_spent_budget_ends_the_task_with_the_best_it_has() -> None:
    machine = Machine(flash=[BAD], per_task=Decimal("0.0004"), policy=FixedPolicy(["flash", "pro"]))
    result = await invoke(machine.graph, task())
    assert (result.status, result.output) == ("budget_exhausted", BAD)


async def test_a_cancelled_call_is_booked_and_written_down() -> None:
    machine = Machine(flash=[Reply(text=GOOD, delay_s=NEVER_S)])
    running = asyncio.create_task(invoke(machine.graph, task()))
    await until(lambda: machine.models["flash"].requests, what="the call")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    (failed,) = machine.events("attempt.failed")
    assert isinstance(failed, AttemptFailed)
    assert failed.code == "model.cancelled"
    assert machine.run_budget.reserved == 0


async def test_stream_yields_what_happens_in_order() -> None:
    machine = Machine(flash=[BAD], pro=[GOOD], policy=FixedPolicy(["flash", "pro"]))
    seen = [event async for event in stream(machine.graph, task())]
    kinds = [type(event) for event in seen if not isinstance(event, Delta)]
    assert kinds[:4] == [Routed, AttemptStarted, AttemptEnded, Validated]
    assert isinstance(seen[-1], Finished)
    text = "".join(e.text for e in seen if isinstance(e, Delta) and e.number == 2)
    assert text == GOOD


async def test_closing_the_stream_cancels_the_call() -> None:
    machine = Machine(flash=[Reply(text=GOOD, delay_s=30)])
    events = stream(machine.graph, task())
    async for event in events:
        if isinstance(event, AttemptStarted):
            break
    await events.aclose()
    (failed,) = machine.events("attempt.failed")
    assert isinstance(failed, AttemptFailed)
    assert failed.code == "model.cancelled"


class UnusableWorkspace(WordChecks):
    """Checks that cannot use a task's workspace."""

    async def prepare(self, task: Task) -> None:
        raise InputError(f"the workspace of {task.id} cannot be used")


async def test_what_is_wrong_with_a_workspace_is_said_before_anything_is_paid() -> None:
    machine = Machine(checks=UnusableWorkspace())
    with pytest.raises(InputError, match="cannot be used"):
        await invoke(machine.graph, task())
    assert machine.models["flash"].requests == []


async def test_an_unknown_validator_is_found_before_anything_is_paid() -> None:
    machine = Machine()
    with pytest.raises(InputError, match="nonsense"):
        await invoke(machine.graph, task(validators=("nonsense",)))
    assert machine.models["flash"].requests == []


async def test_the_graph_takes_a_mapping_or_a_bare_prompt() -> None:
    machine = Machine()
    for given in ({"prompt": "Write it.", "target": "solution.py"}, "Write it."):
        state = await machine.graph.ainvoke({"task": given})
        assert state["result"]["status"] == "accepted"


async def test_the_graph_refuses_what_is_no_task() -> None:
    with pytest.raises(InputError, match="prompt"):
        await Machine().graph.ainvoke({"task": {"text": "no prompt"}})


async def test_every_event_of_a_task_hangs_under_its_root_span() -> None:
    machine = Machine(flash=[BAD])
    await invoke(machine.graph, task())
    root = machine.sink.events[0]
    for event in machine.sink.events[1:-1]:
        assert (event.trace_id, event.parent_span_id) == (root.trace_id, root.span_id)
    starts = [event.span_id for event in machine.sink.events if isinstance(event, Started)]
    ends = [event.span_id for event in machine.sink.events if isinstance(event, AttemptFinished)]
    assert starts == ends


async def test_early_stop_cuts_books_and_feeds_back_what_it_saw() -> None:
    broken = "```python\ndef f(:\n" + "    pass\n" * 400 + "```"
    machine = Machine(flash=[broken, GOOD + "\nAnd now a long explanation. " * 50])
    machine.services = replace(machine.services, early_stop=StopRules())
    result = await invoke(compile_graph(machine.services), task())
    cut, complete = result.attempts
    assert (cut.finish_reason, complete.finish_reason) == ("cut", "cut")
    assert len(cut.output) < 200
    assert cut.verdict is not None
    assert cut.verdict.reports[0].name == "early_stop"
    assert "line 1" in str(machine.models["flash"].requests[1].messages) or "invalid" in str(
        machine.models["flash"].requests[1].messages
    )
    assert cut.usage.output < 100
    assert cut.cost_usd
    assert result.status == "accepted"
    assert "explanation. And now" not in complete.output


async def test_without_early_stop_nothing_is_cut() -> None:
    machine = Machine(flash=[GOOD + "\nAnd now a long explanation. " * 50])
    result = await invoke(machine.graph, task())
    assert result.output.endswith("And now a long explanation. ")


async def test_no_attempt_begins_after_the_tasks_time_and_calls_end_by_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine, clock = Machine(flash=[BAD], seconds=0.2), [1_800_000_000.0]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    answer = machine.models["flash"].generate

    async def late(*asked: Any, **more: Any) -> Any:
        clock[0] += 0.3
        return await answer(*asked, **more)

    monkeypatch.setattr(machine.models["flash"], "generate", late)
    result = await invoke(machine.graph, task())
    assert (result.status, len(result.attempts), result.output) == ("budget_exhausted", 1, BAD)
    assert "seconds are over" in result.reason
    (request,) = machine.models["flash"].requests
    assert request.deadline_s is not None
    assert 0 < request.deadline_s <= 0.2
