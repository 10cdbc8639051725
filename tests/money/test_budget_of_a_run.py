"""Under a budget of a tenth of its cost a run of many tasks at once spends no more, on the server's own count."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from cascade import Task
from cascade.api import Cascade
from cascade.config import Config
from cascade.testing import Fault, Reply, ScriptedServer
from cascade.testing.faults import Faults, every, no_faults
from cascade.trace import read_trace, verify
from cascade.types import Usage
from tests.laws import first

EACH = Usage(input=100, output=100)
ANSWER = "```python\nx = 1\n```"
COST = Decimal(EACH.input + EACH.output) / 1_000_000


def config(server: ScriptedServer, budget: Decimal) -> Config:
    tier = {
        "base_url": server.base_url,
        "price": {"input": 1, "cached_input": 1, "output": 1},
        "max_output_tokens": 200,
        "retries": 1,
    }
    return Config.model_validate(
        {
            "version": 1,
            "tiers": {"flash": {"model": "a", **tier}, "pro": {"model": "b", **tier}},
            "validators": ["syntax"],
            "policy": {"use": "fixed", "order": ["flash"]},
            "budget": {"total_usd": str(budget)},
        }
    )


async def spend(
    reply: Reply, faults: Faults, tasks: int, trace: Path
) -> tuple[Counter[str], Decimal, Decimal]:
    """Statuses, what the server billed in USD, and the budget."""
    budget = COST * tasks / 10
    async with ScriptedServer(reply, faults=faults) as server:
        statuses: Counter[str] = Counter()
        async with Cascade.from_config(config(server, budget), trace=trace) as cascade:
            todo = [Task(id=f"t{number}", prompt="do it") for number in range(tasks)]
            async for result in cascade.run_many(todo, concurrency=tasks):
                statuses[result.status] += 1
        billed = server.billed
    checked = verify(read_trace(trace))
    assert checked.problems == ()
    spent = Decimal(billed.input + billed.output) / 1_000_000
    assert checked.progress.spent_usd <= spent <= checked.progress.spent_usd + checked.progress.unknown_usd
    return statuses, spent, budget


@pytest.mark.parametrize("tasks", first([200, 1000]))
async def test_many_tasks_at_once_stay_within_a_tenth_of_their_cost(tasks: int, tmp_path: Path) -> None:
    statuses, spent, budget = await spend(
        Reply(text=ANSWER, usage=EACH), no_faults, tasks, tmp_path / "t.jsonl"
    )
    assert budget * Decimal("0.9") < spent <= budget
    assert statuses["budget_exhausted"] + statuses["accepted"] == tasks
    assert statuses["accepted"] == spent / COST


@pytest.mark.parametrize("kind", ["cut_off", "reset_before_headers"])
async def test_with_failing_requests_that_are_billed_it_still_holds(kind: str, tmp_path: Path) -> None:
    """Tokens are counted from the text on both sides: what a broken stream cost is an estimate."""
    fault = Fault(kind=kind, after=2)  # type: ignore[arg-type]

    def every_third(call: int) -> Fault | None:
        return fault if call % 3 == 0 else None

    statuses, spent, budget = await spend(Reply(text=ANSWER), every_third, 90, tmp_path / "t.jsonl")
    assert spent <= budget
    assert statuses["budget_exhausted"] > 0


def with_dearer_fallback(first: ScriptedServer, second: ScriptedServer, budget: Decimal) -> Config:
    cheap = config(first, budget)
    dear = {
        "model": "a",
        "base_url": second.base_url,
        "price": {"input": 20, "cached_input": 20, "output": 20},
        "max_output_tokens": 200,
    }
    document = cheap.model_dump(mode="json", exclude_unset=True)
    document["tiers"]["flash"]["fallbacks"] = [dear]
    return Config.model_validate(document)


async def test_a_dearer_fallback_is_reserved_for_too(tmp_path: Path) -> None:
    refuse = every(Fault.of_status(402))
    reply = Reply(text=ANSWER, usage=EACH)
    budget = Decimal("0.02")
    async with ScriptedServer(reply, faults=refuse) as first, ScriptedServer(reply) as second:
        wired = with_dearer_fallback(first, second, budget)
        async with Cascade.from_config(wired, trace=tmp_path / "t.jsonl") as cascade:
            todo = [Task(id=f"t{number}", prompt="do it") for number in range(40)]
            async for _ in cascade.run_many(todo, concurrency=40):
                pass
        spent = Decimal(second.billed.input + second.billed.output) * 20 / 1_000_000
    assert 0 < spent <= budget
