"""Warnings are said once, counted, and stand with their attempt; failures are told from their first cause."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cascade import Cascade, Task
from cascade.config import Config
from cascade.errors import ModelError, NodeError
from cascade.graph import invoke
from cascade.notices import Notice, notice_lines
from cascade.results import result_record
from cascade.testing import Reply, ScriptedServer
from cascade.trace import read_trace
from cascade.trace.events import AttemptFinished, RunFinished, TaskFinished
from tests.machine.doubles import GOOD, Machine, task

PRICE = {"input": 1, "cached_input": 1, "output": 10}


def config(url: str, **more: Any) -> Config:
    def tier(name: str) -> dict[str, Any]:
        return {
            "model": name,
            "base_url": url,
            "price": PRICE,
            "max_output_tokens": 100,
            "retries": 0,
            **more.get(name, {}),
        }

    return Config.model_validate(
        {
            "version": 1,
            "tiers": {"flash": tier("flash"), "pro": tier("pro")},
            "validators": [],
            "policy": {"use": "threshold", "start": 0.0, "attempts": {"flash": 1, "pro": 1}},
            **{key: value for key, value in more.items() if key not in ("flash", "pro")},
        }
    )


async def test_a_warning_is_heard_once_counted_and_kept_with_each_attempt(tmp_path: Path) -> None:
    heard: list[Notice] = []
    zeros = Reply(text="hello", report={"prompt_tokens": 0, "completion_tokens": 0})
    async with (
        ScriptedServer(zeros) as server,
        Cascade.from_config(config(server.base_url), trace=tmp_path / "t.jsonl") as cascade,
    ):
        cascade.notices.listen(heard.append)
        results = [await cascade.run(Task(prompt="hi", id=f"t{n}")) for n in range(3)]
        (row,) = cascade.tally.as_json()["warnings"]
    assert [notice.code for notice in heard] == ["usage.estimated"]
    assert (row["code"], row["count"]) == ("usage.estimated", 3)
    assert notice_lines(cascade.notices.counted())[0].endswith("[3 times]")
    assert result_record(results[2])["attempts"][0]["warnings"][0]["code"] == "usage.estimated"
    finished = [
        event for event in read_trace(tmp_path / "t.jsonl").events if isinstance(event, AttemptFinished)
    ]
    assert all(event.warnings[0].code == "usage.estimated" for event in finished)


async def test_another_model_is_a_warning_or_a_refusal_as_the_config_says() -> None:
    async with ScriptedServer("hello", faults=_wrong_model) as server:
        for policy, status in (("warn", "accepted"), ("refuse", "error"), ("ignore", "accepted")):
            wanted = {"on_wrong_model": policy}
            async with Cascade.from_config(config(server.base_url, flash=wanted, pro=wanted)) as cascade:
                result = await cascade.run("hi")
                codes = {notice.code for notice, _ in cascade.notices.counted()}
            assert result.status == status
            assert codes == ({"answer.of_another_model"} if policy == "warn" else set())
    assert result.attempts[0].error is None


def _wrong_model(_: int) -> Any:
    from cascade.testing import Fault

    return Fault(kind="wrong_model")


async def test_more_than_was_set_aside_passes_a_budget_by_one_call_at_most() -> None:
    report = {"prompt_tokens": 9_000, "completion_tokens": 10}
    async with ScriptedServer(Reply(text="hello", report=report)) as server:
        limits = {"budget": {"total_usd": "0.02"}}
        async with Cascade.from_config(config(server.base_url, **limits)) as cascade:
            results = [await cascade.run(Task(prompt="hi", id=f"t{n}")) for n in range(5)]
            spent = cascade.ledger.total.cost_usd
        billed = len(server.log) * (9_000 + 100) / 1_000_000
    assert float(spent) == pytest.approx(billed)
    assert [result.status for result in results].count("accepted") == 2
    assert results[-1].status == "budget_exhausted"


async def test_when_all_tiers_fail_the_first_cause_at_each_is_said() -> None:
    first = ModelError("flash@h (m at u) cannot be reached: connection refused", code="model.unreachable")
    broken = ModelError("flash@h is left alone for 30 s more", code="model.breaker_open")
    poor = ModelError("pro@h (m at u) says that the account's balance is used up", code="model.balance")
    machine = Machine(flash=[first, broken], pro=[poor])
    result = await invoke(machine.graph, task())
    assert result.status == "error"
    assert result.reason == f"{first.message}; {poor.message}"


GRAPH: dict[str, Any] = {
    "start": "make",
    "nodes": {
        "make": {"kind": "generate", "tier": "flash"},
        "look": {"kind": "call", "function": "tests.machine.test_warnings:broken", "results": ["done"]},
    },
    "edges": {
        "make": {"answered": "look", "failed": "STOP", "exhausted": "STOP"},
        "look": {"done": "ACCEPT"},
    },
}


def broken(_: dict[str, Any]) -> str:
    raise ValueError("a fault of the function")


async def test_a_task_whose_function_failed_keeps_what_it_spent_and_its_answer(tmp_path: Path) -> None:
    async with ScriptedServer(
        Reply(text=GOOD, report={"prompt_tokens": 50, "completion_tokens": 10})
    ) as server:
        declared = config(server.base_url, graph=GRAPH)
        async with Cascade.from_config(declared, trace=tmp_path / "t.jsonl") as cascade:
            (result,) = [one async for one in cascade.run_many([Task(prompt="hi", id="t")])]
            with pytest.raises(NodeError, match="a fault of the function") as caught:
                await cascade.run(Task(prompt="hi", id="alone"))
    assert caught.value.result is not None
    assert caught.value.result.cost_usd == result.cost_usd
    assert (result.status, result.error, result.output) == ("error", "graph.node", GOOD)
    assert str(result.cost_usd) == "0.00015"
    assert len(result.attempts) == 1
    ended = [event for event in read_trace(tmp_path / "t.jsonl").events if isinstance(event, TaskFinished)]
    assert [(event.task_id, event.status, str(event.cost_usd)) for event in ended] == [
        ("t", "error", "0.00015"),
        ("alone", "error", "0.00015"),
    ]


@pytest.mark.parametrize("interrupted", [False, True])
async def test_the_end_of_a_run_says_whether_it_was_interrupted(tmp_path: Path, interrupted: bool) -> None:
    async with (
        ScriptedServer("hello") as server,
        Cascade.from_config(config(server.base_url), trace=tmp_path / "t.jsonl") as cascade,
    ):
        await cascade.run("hi")
        if interrupted:
            cascade.interrupt()
    *_, last = read_trace(tmp_path / "t.jsonl").events
    assert isinstance(last, RunFinished)
    assert last.interrupted is interrupted
