"""The fault matrix with whole tasks: each ends with a status, the ledger is the server's, the trace is whole."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from cascade import Task
from cascade.api import Cascade
from cascade.config import Config
from cascade.models.openai import OpenAIModel
from cascade.testing import ScriptedServer
from cascade.testing.faults import Faults, every, nth
from cascade.trace import read_trace, verify
from cascade.types import Result
from tests.models.support import ANSWER, RETRY, FastClock, spec
from tests.models.test_fault_matrix import MATRIX, OK

TASKS = 2
PRICE = {"input": 1, "cached_input": 1, "output": 2}


def config(server: ScriptedServer) -> Config:
    tier = {"base_url": server.base_url, "price": PRICE, "max_output_tokens": 64}
    return Config.model_validate(
        {
            "version": 1,
            "tiers": {"flash": {"model": "m", **tier}, "pro": {"model": "m", **tier}},
            "validators": ["syntax"],
            "policy": {"use": "fixed", "order": ["flash"]},
        }
    )


async def run(server: ScriptedServer, trace: Path) -> tuple[list[Result], Cascade]:
    tier = OpenAIModel(
        spec(server, name="flash@server", max_output_tokens=64), retry=RETRY, clock=FastClock().clock
    )
    tasks = [Task(id=str(n), prompt="add") for n in range(TASKS)]
    async with Cascade.from_config(config(server), trace=trace, models={"flash": tier}) as cascade:
        results = [result async for result in cascade.run_many(tasks, concurrency=1)]
    return results, cascade


@pytest.mark.parametrize("pattern", ["second", "every"])
@pytest.mark.parametrize("name", MATRIX)
async def test_every_task_ends_and_the_ledger_is_the_servers_count(
    name: str, pattern: str, tmp_path: Path
) -> None:
    fault, code, mended = MATRIX[name]
    faults: Faults = every(fault) if pattern == "every" else nth(2, fault)
    async with ScriptedServer(ANSWER, faults=faults) as server:
        results, cascade = await run(server, tmp_path / "t.jsonl")
        billed, requests = server.billed, len(server.log)
    assert sorted(result.id for result in results) == ["0", "1"]
    statuses = [result.status for result in sorted(results, key=lambda result: result.id)]
    bad = "rejected" if name == "length" else "error"  # an answer that was cut off is checked, and told so
    failing = (code != OK and (pattern == "every" or not mended)) or name == "length"
    assert statuses[0] == (bad if failing and pattern == "every" else "accepted")
    assert statuses[1] == (bad if failing else "accepted")
    total = cascade.ledger.total
    unknown = [c for e in cascade.ledger.entries for c in e.charges if c.charge.billing == "unknown"]
    assert total.requests == requests
    if unknown:
        least = billed.input + 2 * billed.output
        assert total.cost_usd * 1_000_000 <= least <= (total.cost_usd + total.unknown_usd) * 1_000_000
    else:
        assert (total.usage.input, total.usage.output) == (billed.input, billed.output)
        assert total.cost_usd == Decimal(billed.input + 2 * billed.output) / 1_000_000
    checked = verify(read_trace(tmp_path / "t.jsonl"))
    assert checked.problems == ()
    assert checked.progress.spent_usd == total.cost_usd
    assert checked.progress.unknown_usd == total.unknown_usd
