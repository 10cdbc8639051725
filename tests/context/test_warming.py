"""A batch pays for its context once a tier: a warm call first, then every request hits the cache."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cascade import Cascade, Task
from cascade.config import from_mapping
from cascade.report import Tally
from cascade.testing import Fault, Logged, PrefixCache, ScriptedServer
from cascade.testing.faults import nth
from cascade.trace.events import AttemptFinished
from cascade.trace.reader import read_trace
from cascade.trace.verify import verify

RIGHT, WRONG = "```python b.py\nx = 2\n```", "```python b.py\nx = (\n```"
PRICE = {"input": 0.15, "cached_input": 0.003, "output": 0.60}
CODE = "".join(f"def f{number}(value):\n    return value + {number}\n\n\n" for number in range(8800))


def made(server: ScriptedServer, folder: Path, **more: Any) -> Cascade:
    tier = {"base_url": server.base_url, "price": PRICE, "max_output_tokens": 512, "retries": 0}
    declared = {
        "version": 1,
        "tiers": {"flash": {"model": "f", **tier}, "pro": {"model": "p", **tier}},
        "validators": ["syntax"],
        "sandbox": {"use": "none"},
        "classifier": "rules",
        "policy": {"use": "threshold", "start": 0.0, "attempts": {"flash": 1, "pro": 1}},
        "project": {"context": ["*.py"]},
        "trace": {"path": "t.jsonl"},
        **more,
    }
    return Cascade.from_config(from_mapping(declared, folder=folder))


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "a.py").write_text(CODE)
    return tmp_path / "repo"


def tasks(repo: Path, count: int) -> list[Task]:
    return [Task(id=f"t{number}", prompt=f"change {number}", workspace=str(repo)) for number in range(count)]


async def test_ten_tasks_on_one_large_codebase_all_hit_the_cache(repo: Path, tmp_path: Path) -> None:
    assert len(CODE) > 380_000
    async with ScriptedServer(RIGHT, cache=PrefixCache()) as server, made(server, tmp_path) as cascade:
        ended = [result async for result in cascade.run_many(tasks(repo, 10), concurrency=10)]
        lines = cascade.tally.prefix.lines()
        total = cascade.ledger.total
    assert [result.status for result in ended] == ["accepted"] * 10
    warm, *others = server.log
    assert len(others) == 10
    assert (warm.document["max_tokens"], warm.billed.cached_input) == (1, 0)
    for call in others:
        assert call.billed.cached_input > 0.99 * warm.billed.input
    assert total.usage.input == sum(call.billed.input for call in server.log)
    log = read_trace(tmp_path / "t.jsonl", strict=False)
    assert verify(log).ok, verify(log).problems
    (logged,) = [event for event in log.events if isinstance(event, AttemptFinished) and event.warm]
    assert (logged.task_id, logged.tier, logged.node) == (None, "flash", "warm")
    assert (tmp_path / "t.jsonl").read_text().count("def f8399(") == 1
    assert lines == Tally.of(log.events).prefix.lines()
    assert lines[0].startswith("context: 1 file shown, about")
    cached, size = others[0].billed.cached_input, warm.billed.input
    assert lines[1].startswith(f"prefix: 10 tasks, {cached:,} of {size:,} tokens from cache, 8.")
    assert lines[1].endswith(" times cheaper than without")
    assert Tally.of(log.events).tiers["flash"].attempts == 10


async def test_each_tier_is_warmed_when_its_first_task_comes_and_a_single_task_never(
    repo: Path, tmp_path: Path
) -> None:
    def script(call: Logged) -> str:
        return WRONG if call.document["model"] == "f" else RIGHT

    async with ScriptedServer(script, cache=PrefixCache()) as server:
        async with made(server, tmp_path) as cascade:
            await cascade.run(tasks(repo, 1)[0])
            alone = [call.document["model"] for call in server.log]
            server.log.clear()
        async with made(server, tmp_path, trace={"path": "many.jsonl"}) as cascade:
            async for _ in cascade.run_many(tasks(repo, 4)):
                pass
    assert alone == ["f", "p"]
    short = [call.document["model"] for call in server.log if call.document["max_tokens"] == 1]
    assert short == ["f", "p"]
    assert len(server.log) == 2 + 4 + 4


async def test_no_warm_call_where_cached_input_is_no_cheaper(repo: Path, tmp_path: Path) -> None:
    async with ScriptedServer(RIGHT) as server:
        flat = {"model": "m", "base_url": server.base_url, "price": {"input": 1, "output": 1}}
        async with made(server, tmp_path, tiers={"flash": flat, "pro": flat}) as cascade:
            async for _ in cascade.run_many(tasks(repo, 3)):
                pass
    assert len(server.log) == 3


@pytest.mark.parametrize("fault", [Fault.of_status(500), Fault(kind="reset_mid_stream", after=0)])
async def test_a_warm_call_that_fails_holds_nobody_up(repo: Path, tmp_path: Path, fault: Fault) -> None:
    async with (
        ScriptedServer(RIGHT, faults=nth(1, fault), cache=PrefixCache()) as server,
        made(server, tmp_path) as cascade,
    ):
        ended = [result async for result in cascade.run_many(tasks(repo, 3))]
    assert [result.status for result in ended] == ["accepted"] * 3
    assert verify(read_trace(tmp_path / "t.jsonl", strict=False)).ok


async def test_a_cancelled_task_lets_the_others_go_on(repo: Path, tmp_path: Path) -> None:
    asked = asyncio.Event()

    def script(call: Logged) -> str:
        asked.set()
        return RIGHT

    async with ScriptedServer(script, pace_s=0.05) as server, made(server, tmp_path) as cascade:
        one, two = (asyncio.create_task(cascade.run(task)) for task in tasks(repo, 2))
        await asked.wait()
        one.cancel()
        result = await two
        await asyncio.gather(one, return_exceptions=True)
    assert result.status == "accepted"


async def test_a_warm_call_is_made_within_the_budget_of_the_run(repo: Path, tmp_path: Path) -> None:
    async with (
        ScriptedServer(RIGHT, cache=PrefixCache()) as server,
        made(server, tmp_path, budget={"total_usd": "0.01"}) as cascade,
    ):
        ended = [result async for result in cascade.run_many(tasks(repo, 2))]
        spent = cascade.ledger.total.cost_usd
    assert (server.log, spent) == ([], Decimal(0))
    assert {result.status for result in ended} == {"budget_exhausted"}
