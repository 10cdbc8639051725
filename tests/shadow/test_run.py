"""Shadows of running tasks: made after the end, on a drawn share, with money of their own, and changing nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langgraph.checkpoint.memory import InMemorySaver

from cascade import Task
from cascade.codec import from_json
from cascade.errors import ModelError
from cascade.events import Finished
from cascade.models.base import Completion, ModelRequest, Observer
from cascade.models.scripted import Reply, ScriptedModel
from cascade.nodes.shadowing import drawn
from cascade.trace import AttemptFailed, Event, ShadowDrawn, ShadowSkipped, read_trace, verify
from cascade.trace.ids import new_trace_id
from cascade.types import Result
from tests.integrations.conftest import BAD, GOOD, TASK, Rig

Build = Callable[..., Rig]
ALL: dict[str, Any] = {"rate": 1, "budget_usd": 1}
CODE = Task(prompt=TASK["prompt"], target=TASK["target"])


def shadows(events: list[Event]) -> list[str]:
    """What the trace says of shadows, in order."""
    return [
        f"{event.event} {getattr(event, 'tier', '')}".strip()
        for event in events
        if event.event.startswith("shadow") or getattr(event, "shadow", False)
    ]


async def traced(one: Rig, path: Path) -> list[Event]:
    """The events of a cascade that was closed; the trace is whole."""
    await one.cascade.aclose()
    log = read_trace(path)
    assert verify(log).problems == ()
    return log.events


async def test_a_task_that_flash_solved_is_given_to_pro_too(rig: Build, tmp_path: Path) -> None:
    one = rig([GOOD], [BAD], shadow=ALL, trace_to=tmp_path / "t.jsonl")
    result = await one.cascade.run(CODE)
    events = await traced(one, tmp_path / "t.jsonl")
    made = ["shadow.drawn", "attempt.started pro", "attempt.finished pro", "validation.finished pro"]
    assert shadows(events) == made
    assert [event.event for event in events].index("task.finished") < len(events) - len(made) - 1
    assert (result.status, result.tier, len(result.attempts), one.calls) == ("accepted", "flash", 1, (1, 1))
    asked = one.pro.requests[0]
    assert (asked.tier_attempt, asked.after, asked.history) == (1, None, "none")
    assert asked.messages == one.flash.requests[0].messages, "the task afresh"
    (end,) = [event for event in events if event.event == "run.finished"]
    ledger = one.cascade.ledger
    assert result.cost_usd is not None
    assert ledger.total.cost_usd == result.cost_usd + ledger.shadow.cost_usd == end.cost_usd
    assert ledger.shadow.cost_usd == end.shadow_usd > 0


async def test_what_the_task_tried_afresh_is_not_tried_again(rig: Build, tmp_path: Path) -> None:
    """flash failed twice, pro was asked afresh: all is known."""
    one = rig([BAD], [GOOD], shadow=ALL, trace_to=tmp_path / "t.jsonl")
    result = await one.cascade.run(CODE)
    events = await traced(one, tmp_path / "t.jsonl")
    assert shadows(events) == ["shadow.drawn"]
    assert one.calls == (2, 1)
    assert len(result.attempts) == 3


async def test_a_first_attempt_that_was_shown_a_failure_is_not_one_afresh(rig: Build, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    tiers = {
        name: {
            "model": name,
            "base_url": "http://127.0.0.1:9/v1",
            "price": {"input": 1, "output": 2},
            "history": "diagnostics",
        }
        for name in ("flash", "pro")
    }
    one = rig([BAD], [GOOD], shadow=ALL, trace_to=path, tiers=tiers)
    await one.cascade.run(CODE)
    assert "attempt.finished pro" in shadows(await traced(one, path))


async def test_a_call_that_failed_is_no_outcome_and_gets_a_shadow(rig: Build, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    one = rig([ModelError("down", code="model.server"), GOOD], [GOOD], shadow=ALL, trace_to=path)
    result = await one.cascade.run(CODE)
    assert result.tier == "pro"
    assert "attempt.finished flash" in shadows(await traced(one, path))


async def test_only_the_named_tiers_are_called(rig: Build) -> None:
    one = rig([GOOD], [GOOD], shadow={**ALL, "tiers": ["flash"]})
    await one.cascade.run(CODE)
    await one.cascade.aclose()
    assert one.calls == (1, 0)


async def test_who_is_drawn_follows_from_the_trace_id_and_the_rate(rig: Build, tmp_path: Path) -> None:
    one = rig([GOOD], [GOOD], shadow={**ALL, "rate": 0.3}, trace_to=tmp_path / "t.jsonl")
    async for _ in one.cascade.run_many([replace(CODE, id=f"t{k}") for k in range(60)]):
        pass
    events = await traced(one, tmp_path / "t.jsonl")
    draws = [event for event in events if isinstance(event, ShadowDrawn)]
    assert len(draws) == 60, "told of every task, drawn or not"
    for event in draws:
        assert event.draw == drawn(event.trace_id)
        assert event.propensity == 0.3
        assert event.sampled == (event.draw < 0.3)
        assert event.missing == (("pro",) if event.sampled else ())
    assert one.calls[1] == sum(event.sampled for event in draws)
    assert one.cascade.tally.sampled == one.calls[1]


def test_draws_are_uniform() -> None:
    """Kolmogorov and Smirnov's distance of 2,000 draws; 1.95 / sqrt(n) is passed once in a thousand."""
    draws = np.sort([drawn(new_trace_id()) for _ in range(2000)])
    steps = np.arange(1, 2001) / 2000
    assert np.abs(draws - steps).max() < 1.95 / np.sqrt(2000) + 1 / 2000


class Gated(ScriptedModel):
    """Answers when the gate opens."""

    def __init__(self) -> None:
        super().__init__(GOOD, model="p")
        self.called, self.gate = asyncio.Event(), asyncio.Event()
        self.waiting = 0

    async def generate(self, request: ModelRequest, *, observe: Observer | None = None) -> Completion:
        self.waiting += 1
        self.called.set()
        await self.gate.wait()
        return await super().generate(request, observe=observe)


def gated(one: Rig) -> Gated:
    """Put the gate before pro."""
    model = Gated()
    tiers: Any = one.cascade._wired.services.tiers
    tiers["pro"] = replace(tiers["pro"], model=model)
    return model


async def test_the_result_does_not_wait_for_the_shadow(rig: Build) -> None:
    one = rig([GOOD], shadow=ALL)
    pro = gated(one)
    result = await one.cascade.run(CODE)
    assert result.status == "accepted"
    seen = []
    async with aclosing(one.cascade.stream(replace(CODE, id="2"))) as events:
        async for event in events:
            seen.append(event)
            if isinstance(event, Finished):
                assert len(pro.requests) == 0
    assert isinstance(seen[-1], Finished), "nothing of the shadow is told"
    async for each in one.cascade.run_many([replace(CODE, id="3")]):
        assert each.status == "accepted"
        pro.gate.set()
    await one.cascade.aclose()
    assert len(pro.requests) == 3, "closing waited for all of them"


async def test_the_stream_has_the_end_before_the_shadow_is_drawn(rig: Build, tmp_path: Path) -> None:
    one = rig([GOOD], shadow=ALL, trace_to=tmp_path / "t.jsonl")
    async for event in one.cascade.stream(CODE):
        if isinstance(event, Finished):
            written = (tmp_path / "t.jsonl").read_text()
            assert '"task.finished"' in written
            assert '"shadow.drawn"' not in written


async def test_a_shadow_keeps_its_place_among_many_tasks(rig: Build) -> None:
    """With two places and a shadow in each, the third task has to wait."""
    one = rig([GOOD], shadow=ALL)
    pro = gated(one)
    done: list[str] = []
    tasks = [replace(CODE, id=f"t{k}") for k in range(4)]

    async def consume() -> None:
        done.extend([result.id async for result in one.cascade.run_many(tasks, concurrency=2)])

    job = asyncio.create_task(consume())
    while pro.waiting < 2:
        await asyncio.sleep(0)
    for _ in range(200):
        await asyncio.sleep(0)
    assert len(one.flash.requests) == 2
    pro.gate.set()
    await job
    assert sorted(done) == ["t0", "t1", "t2", "t3"]


async def test_closing_the_iterator_of_many_cuts_their_shadows(rig: Build, tmp_path: Path) -> None:
    one = rig([GOOD], shadow=ALL, trace_to=tmp_path / "t.jsonl")
    pro = gated(one)
    async with aclosing(one.cascade.run_many([CODE])) as results:
        async for _ in results:
            await pro.called.wait()
            break
    events = await traced(one, tmp_path / "t.jsonl")
    (failed,) = [event for event in events if isinstance(event, AttemptFailed)]
    assert (failed.shadow, failed.code) == (True, "model.cancelled")


async def test_a_cancelled_close_cuts_shadows_and_still_ends_the_trace(rig: Build, tmp_path: Path) -> None:
    one = rig([GOOD], shadow=ALL, trace_to=tmp_path / "t.jsonl")
    pro = gated(one)
    await one.cascade.run(CODE)
    await pro.called.wait()
    closing = asyncio.create_task(one.cascade.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    log = read_trace(tmp_path / "t.jsonl")
    assert verify(log).problems == ()
    assert log.events[-1].event == "run.finished"
    assert [event.code for event in log.events if isinstance(event, AttemptFailed)] == ["model.cancelled"]


def unlike(result: Result) -> Result:
    """The result without what no two runs share."""
    attempts = tuple(
        replace(
            each,
            latency_s=0.0,
            verdict=None
            if each.verdict is None
            else replace(each.verdict, reports=tuple(replace(r, latency_s=0) for r in each.verdict.reports)),
        )
        for each in result.attempts
    )
    return replace(result, latency_s=0.0, attempts=attempts)


class Crashing:
    """Checks that break once a task's first answer was checked."""

    names = ("syntax",)

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._seen: set[str] = set()

    async def check(self, task: Task, candidate: Any) -> Any:
        if task.id in self._seen:
            raise RuntimeError("the check broke")
        self._seen.add(task.id)
        return await self._inner.check(task, candidate)


def crash_model(request: ModelRequest) -> str:
    raise RuntimeError(f"a plug-in broke at {request.tier}")


@pytest.mark.parametrize("trouble", ["endpoint", "plug-in", "check", "budget", "none"])
async def test_nothing_that_a_shadow_runs_into_changes_the_result(
    rig: Build, tmp_path: Path, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    plain = await rig([GOOD]).cascade.run(CODE)
    money = {"budget_usd": "0.000001"} if trouble == "budget" else {}
    one = rig([GOOD], shadow={**ALL, **money}, trace_to=tmp_path / "t.jsonl")
    services = one.cascade._wired.services
    tiers: Any = services.tiers
    if trouble == "endpoint":
        one.pro._script = [ModelError("down", code="model.server")]
    if trouble == "plug-in":
        tiers["pro"] = replace(tiers["pro"], model=ScriptedModel(crash_model))
    if trouble == "check":
        object.__setattr__(services, "checks", Crashing(services.checks))
    result = await one.cascade.run(CODE)
    embedded = from_json(
        Result, (await one.cascade.compile().ainvoke({"task": {**TASK, "id": "2"}}))["result"]
    )
    events = await traced(one, tmp_path / "t.jsonl")
    assert unlike(result) == unlike(plain)
    assert (embedded.status, embedded.cost_usd) == (plain.status, plain.cost_usd)
    told = "the check broke" if trouble == "check" else "a plug-in broke at pro"
    assert (told in caplog.text) == (trouble in ("check", "plug-in"))
    skipped = [event.code for event in events if isinstance(event, ShadowSkipped)]
    assert skipped == (["budget.shadow"] if trouble == "budget" else [])


async def test_the_tasks_own_budget_is_not_touched(rig: Build) -> None:
    one = rig([GOOD], shadow=ALL, budget={"per_task_usd": 0.05, "total_usd": 0.05})
    result = await one.cascade.run(CODE)
    await one.cascade.aclose()
    services = one.cascade._wired.services
    assert services.budget.spent == result.cost_usd
    assert services.budget.reserved == 0
    assert services.shadows is not None
    assert services.shadows.budget.spent == one.cascade.ledger.shadow.cost_usd > 0
    assert one.calls == (1, 1)


async def test_once_the_money_does_not_suffice_nobody_is_drawn_any_more(rig: Build, tmp_path: Path) -> None:
    """Else only what is small would still get a shadow, and the sample were none."""
    one = rig([GOOD], [Reply(text=GOOD, usage=None)], shadow=ALL, trace_to=tmp_path / "t.jsonl")
    services = one.cascade._wired.services
    assert services.shadows is not None
    first = replace(CODE, id="large", prompt="Print one. " * 4000)
    services.shadows.budget._own.limit = Decimal(
        "0.02"
    )  # a call's worst case: 8192 tokens at 2 USD a million
    await one.cascade.run(first)
    await one.cascade._wired.trailing.settle()
    await one.cascade.run(replace(CODE, id="small"))
    events = await traced(one, tmp_path / "t.jsonl")
    assert [event.task_id for event in events if isinstance(event, ShadowDrawn)] == ["large"]
    assert one.calls == (2, 0)


async def test_what_a_shadow_shows_of_a_tier_moves_no_forecast(rig: Build) -> None:
    one = rig([GOOD], [Reply(text=GOOD + "#" * 20_000)], shadow=ALL)
    services = one.cascade._wired.services
    before = services.forecast.expected("pro", [{"role": "user", "content": "x"}])
    await one.cascade.run(CODE)
    await one.cascade.aclose()
    assert services.forecast.expected("pro", [{"role": "user", "content": "x"}]) == before


async def test_a_cut_shadow_is_not_paid_twice_when_the_thread_goes_on(rig: Build, tmp_path: Path) -> None:
    one = rig([GOOD], shadow=ALL, trace_to=tmp_path / "t.jsonl")
    pro = gated(one)
    graph = one.cascade.compile(checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    job = asyncio.create_task(graph.ainvoke({"task": TASK}, thread))
    await pro.called.wait()
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    pro.gate.set()
    ended = await graph.ainvoke(None, thread)
    assert from_json(Result, ended["result"]).status == "accepted"
    events = await traced(one, tmp_path / "t.jsonl")
    assert [event.code for event in events if isinstance(event, ShadowSkipped)] == ["shadow.begun"]
    assert len([event for event in events if event.event == "attempt.started"]) == 2


async def test_another_process_makes_no_shadow_of_a_task_that_ended_in_the_first(
    rig: Build, tmp_path: Path
) -> None:
    saver = InMemorySaver()
    one = rig([GOOD], shadow=ALL)
    pro = gated(one)
    thread: Any = {"configurable": {"thread_id": "1"}}
    job = asyncio.create_task(one.cascade.compile(checkpointer=saver).ainvoke({"task": TASK}, thread))
    await pro.called.wait()
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)
    other = rig([GOOD], shadow=ALL, trace_to=tmp_path / "t.jsonl")
    ended = await other.cascade.compile(checkpointer=saver).ainvoke(None, thread)
    assert from_json(Result, ended["result"]).status == "accepted"
    assert other.calls == (0, 0)


async def test_a_graph_within_another_has_no_shadow_of_its_own(rig: Build, tmp_path: Path) -> None:
    import yaml

    from tests.integrations.conftest import declared

    inner = tmp_path / "inner.yaml"
    usage = '{"prompt_tokens": 1, "completion_tokens": 1}'
    row = f'{{"task_id": "task", "model": "cheap", "completion": "x = 1", "usage": {usage}}}\n'
    (tmp_path / "cheap.jsonl").write_text(row)
    tier = {
        "provider": "recorded",
        "model": "cheap",
        "recording": "cheap.jsonl",
        "price": {"input": 1, "output": 1},
    }
    nested = {**declared(shadow=ALL), "tiers": {"low": tier, "mid": tier}}
    inner.write_text(yaml.safe_dump({**nested, "policy": {"use": "fixed", "order": ["low"]}}))
    graph = {
        "start": "first",
        "nodes": {"first": {"kind": "subgraph", "config": str(inner)}},
        "edges": {"first": {"accepted": "ACCEPT", "*": "STOP"}},
    }
    one = rig([GOOD], [GOOD], graph=graph, shadow={**ALL, "tiers": ["pro"]}, trace_to=tmp_path / "t.jsonl")
    await one.cascade.run(CODE)
    assert shadows(await traced(one, tmp_path / "t.jsonl"))[:2] == ["shadow.drawn", "attempt.started pro"]


async def test_a_node_of_ones_own_may_be_called_shadow(rig: Build) -> None:
    graph = {
        "start": "shadow",
        "nodes": {
            "shadow": {"kind": "generate", "tier": "flash"},
            "extract": {"kind": "extract"},
            "look": {"kind": "validate", "validators": ["syntax"]},
        },
        "edges": {
            "shadow": {"answered": "extract", "*": "STOP"},
            "extract": {"extracted": "look", "nothing": "STOP"},
            "look": {"passed": "ACCEPT", "*": "STOP"},
        },
    }
    one = rig([GOOD], [GOOD], graph=graph, shadow=ALL)
    assert (await one.cascade.run(CODE)).status == "accepted"
    await one.cascade.aclose()
    assert one.cascade.tally.shadows["pro"].passed == 1
