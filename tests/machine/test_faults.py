"""An exception that nobody foresaw ends its task, with its place and what was spent, and no other task."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cascade import Cascade, Task
from cascade.config import from_mapping
from cascade.errors import InputError, NodeError
from cascade.nodes.faults import as_task_error
from cascade.policy.base import Decision, Situation
from cascade.testing import ScriptedModel
from cascade.trace import verify_file
from cascade.types import Result

TIER = {"model": "m", "base_url": "http://127.0.0.1:9/v1", "api_key": "x", "price": {"input": 1, "output": 2}}


class BadPolicy:
    """Starts every task; breaks on the answer of the one that is called `bad`."""

    name = "breaks"

    def __init__(self, **_: object) -> None:
        pass

    def decide(self, situation: Situation) -> Decision:
        if not situation.attempts:
            return Decision(action="start", tier="flash", reason="start")
        if situation.task.id == "bad":
            raise ValueError("no such thing")
        return Decision(action="accept", tier="flash", reason="fine")


async def results_of(extra: Mapping[str, Any], tasks: list[Task]) -> dict[str, Result]:
    config = from_mapping({"version": 1, "tiers": {"flash": TIER, "pro": TIER}, "validators": [], **extra})
    model = ScriptedModel("an answer")
    async with Cascade.from_config(config, models={"flash": model, "pro": model}) as cascade:
        results = {result.id: result async for result in cascade.run_many(tasks, concurrency=2)}
        assert cascade.ledger.total.cost_usd == sum(result.cost_usd or 0 for result in results.values())
    return results


async def test_a_policy_that_breaks_on_one_task_takes_no_other_one_down(tmp_path: Path) -> None:
    trace = tmp_path / "t.jsonl"
    policy = {"use": f"{__name__}:BadPolicy"}
    tasks = [Task(prompt="p", id=name) for name in ("a", "bad", "b")]
    results = await results_of({"policy": policy, "trace": {"path": str(trace)}}, tasks)
    assert (results["a"].status, results["b"].status) == ("accepted", "accepted")
    bad = results["bad"]
    assert (bad.status, bad.error, len(bad.attempts), bad.output) == ("error", "graph.fault", 1, "an answer")
    assert bad.cost_usd == results["a"].cost_usd
    assert bad.cost_usd
    assert "graph.nodes." in bad.reason
    assert "ValueError: no such thing (test_faults.py:" in bad.reason
    assert verify_file(trace).ok


async def test_one_task_alone_raises_with_what_was_spent() -> None:
    config = from_mapping(
        {
            "version": 1,
            "tiers": {"flash": TIER, "pro": TIER},
            "validators": [],
            "policy": {"use": f"{__name__}:BadPolicy"},
        }
    )
    model = ScriptedModel("an answer")
    async with Cascade.from_config(config, models={"flash": model, "pro": model}) as cascade:
        with pytest.raises(NodeError, match="no such thing") as raised:
            await cascade.run(Task(prompt="p", id="bad"))
    assert isinstance(raised.value.__cause__, ValueError)
    assert raised.value.result is not None
    assert raised.value.result.cost_usd


async def test_an_error_of_ours_in_a_group_is_that_error() -> None:
    async def fail(error: Exception) -> None:
        raise error

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail(RuntimeError("beside it")))
            group.create_task(fail(InputError("the workspace is gone")))

    with pytest.raises(ExceptionGroup) as raised:
        await both()
    error = as_task_error("validate", raised.value)
    assert isinstance(error, InputError)
    assert error.message == "the workspace is gone"
