"""What shadows cost stays under their own cap, is in the books, and is not paid again after a crash."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from cascade import Task
from cascade.api import Cascade
from cascade.cli.resume import standing
from cascade.config import from_mapping
from cascade.report import Tally
from cascade.report.tables import outcome_line
from cascade.testing import Fault, Reply, ScriptedServer
from cascade.testing.faults import no_faults
from cascade.testing.log import Logged
from cascade.trace import AttemptFailed, ShadowDrawn, read_trace, verify
from cascade.types import Usage
from tests.cli.test_interrupted import called, start
from tests.laws import first
from tests.waiting import HANGS_S, NEVER_S, heard

EACH = Usage(input=100, output=100)
ANSWER = "```python\nx = 1\n```"
COST = Decimal(EACH.input + EACH.output) / 1_000_000
TASKS = 120


def declared(server: ScriptedServer, shadow_usd: object, *, total_usd: object = 1) -> dict[str, object]:
    tier = {
        "base_url": server.base_url,
        "price": {"input": 1, "cached_input": 1, "output": 1},
        "max_output_tokens": 200,
        "retries": 1,
        "timeout_s": HANGS_S,
        "idle_timeout_s": HANGS_S,
        "connect_timeout_s": HANGS_S,
    }
    return {
        "version": 1,
        "tiers": {"flash": {"model": "a", **tier}, "pro": {"model": "b", **tier}},
        "classifier": "rules",
        "validators": ["syntax"],
        "policy": {"use": "fixed", "order": ["flash"]},
        "budget": {"total_usd": str(total_usd)},
        "shadow": {"rate": 1, "budget_usd": str(shadow_usd)},
    }


def cost_of(server: ScriptedServer, model: str) -> Decimal:
    """What the server billed for a model, in USD."""
    billed = [call.billed for call in server.log if call.document["model"] == model]
    return Decimal(sum(each.input + each.output for each in billed)) / 1_000_000


@pytest.mark.parametrize("kind", first([None, "cut_off", "reset_before_headers"]))
async def test_many_shadows_at_once_stay_within_a_fraction_of_their_cost(
    kind: str | None, tmp_path: Path
) -> None:
    """Every third call to the shadow's tier breaks: what it billed is an estimate, or unknown."""
    broken = None if kind is None else Fault(kind=kind, after=2)  # type: ignore[arg-type]

    def faults(call: int) -> Fault | None:
        asked = server.log[-1].document["model"] == "b"
        return broken if asked and call % 3 == 0 else no_faults(call)

    cap = COST * TASKS / 10
    async with ScriptedServer(Reply(text=ANSWER, usage=EACH), faults=faults) as server:
        cascade = Cascade.from_config(from_mapping(declared(server, cap)), trace=tmp_path / "t.jsonl")
        async with cascade:
            todo = [Task(id=f"t{number}", prompt="do it", target="x.py") for number in range(TASKS)]
            results = [result async for result in cascade.run_many(todo, concurrency=TASKS)]
        spent, own = cost_of(server, "b"), cost_of(server, "a")
    assert {result.status for result in results} == {"accepted"}
    assert len(results) == TASKS
    assert own == COST * TASKS
    assert Decimal(0) < spent <= cap
    services = cascade._wired.services
    assert services.shadows is not None
    assert services.shadows.budget.spent <= cap
    assert services.budget.spent == own
    assert services.budget.reserved == 0
    checked = verify(read_trace(tmp_path / "t.jsonl"))
    assert checked.problems == ()
    assert checked.progress.shadow_usd == services.shadows.budget.spent
    if kind is None:
        assert spent >= cap * Decimal("0.9")


async def test_the_tables_show_shadows_apart_and_in_the_total(tmp_path: Path) -> None:
    async with ScriptedServer(Reply(text=ANSWER, usage=EACH)) as server:
        cascade = Cascade.from_config(from_mapping(declared(server, 1)), trace=tmp_path / "t.jsonl")
        async with cascade:
            async for _ in cascade.run_many([Task(id=f"t{k}", prompt="p", target="x.py") for k in range(4)]):
                pass
    tally = Tally.of(read_trace(tmp_path / "t.jsonl").events)
    assert tally.as_json() == cascade.tally.as_json()
    document = tally.as_json()
    assert list(document["by_tier"]) == ["flash"]
    assert document["shadow"]["tasks"] == 4
    assert Decimal(document["shadow"]["cost_usd"]) == COST * 4
    assert Decimal(document["cost_usd"]) == COST * 8
    assert tally.total.wasted_usd == 0, "a shadow is no waste of its task"
    assert outcome_line(tally) == (
        "4 tasks: 4 accepted; $0.000200 for each accepted; $0.000800 beside for shadows of 4 tasks"
    )


async def test_a_budget_that_ended_the_shadows_is_said(tmp_path: Path) -> None:
    async with ScriptedServer(Reply(text=ANSWER, usage=EACH)) as server:
        cascade = Cascade.from_config(from_mapping(declared(server, "0.000001")))
        async with cascade:
            await cascade.run(Task(id="a", prompt="p", target="x.py"))
    assert outcome_line(cascade.tally).endswith("shadows of 1 tasks, 1 not made (budget.shadow)")


async def test_the_first_interrupt_lets_shadows_end_and_the_second_cuts_them(tmp_path: Path) -> None:
    """All tasks have ended, their shadows have not: what is done is kept, and the command ends at once."""

    def answer(call: Logged) -> Reply:
        return Reply(text=ANSWER, usage=EACH, delay_s=NEVER_S if call.document["model"] == "b" else 0.0)

    file, config = tmp_path / "tasks.jsonl", tmp_path / "cascade.yaml"
    file.write_text(
        "".join(json.dumps({"id": f"t{k}", "prompt": "p", "target": "x.py"}) + "\n" for k in range(2))
    )
    async with ScriptedServer(answer) as server:
        config.write_text(json.dumps(declared(server, 1)))
        process = await start("run", file, "-c", config, "-o", tmp_path / "r.jsonl", cwd=tmp_path)
        await called(server, 4)
        process.send_signal(signal.SIGINT)
        said = await heard(process.stderr, b"interrupted")
        still = process.returncode is None
        assert still, "the first one lets them go on"
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(HANGS_S):
            _, err = await process.communicate()
    assert process.returncode == 130, err.decode()
    assert "Traceback" not in (said + err).decode()
    rows = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [row["status"] for row in rows] == ["accepted", "accepted"]
    log = read_trace(tmp_path / "r.trace.jsonl")
    assert verify(log).problems == ()
    cut = [event for event in log.events if isinstance(event, AttemptFailed)]
    assert [(event.shadow, event.code) for event in cut] == [(True, "model.cancelled")] * 2


async def test_what_shadows_spent_before_counts_against_their_cap_alone(tmp_path: Path) -> None:
    trace, results = tmp_path / "r.trace.jsonl", tmp_path / "r.jsonl"
    async with ScriptedServer(Reply(text=ANSWER, usage=EACH)) as server:
        config = from_mapping(declared(server, 1))
        async with Cascade.from_config(config, trace=trace) as cascade:
            async for _ in cascade.run_many([Task(id=f"t{k}", prompt="p", target="x.py") for k in range(5)]):
                pass
        lines = trace.read_text().splitlines(keepends=True)
        begun = json.loads(next(line for line in lines if '"shadow":true' in line))
        cut = {**begun, "attempt": 9, "reserved_usd": "0.0003"}
        trace.write_text("".join(lines[:-1]) + json.dumps(cut) + "\n")
        stands = standing(str(results), str(trace))
        assert stands.spent_usd == COST * 5
        assert stands.shadow_usd == COST * 5 + Decimal("0.0003"), (
            "what was cut off counts at what was reserved"
        )
        resumed = Cascade.from_config(
            from_mapping(declared(server, "0.0014")),
            spent=stands.spent,
            trace=tmp_path / "again.jsonl",
        )
        before = len(server.log)
        async with resumed:
            await resumed.run(Task(id="new", prompt="p", target="x.py"))
        assert len(server.log) == before + 1, "no shadow fits any more, and the task is paid"


@pytest.mark.parametrize("seed", [1])
async def test_a_killed_and_resumed_run_shadows_no_task_twice(tmp_path: Path, seed: int) -> None:
    file, config = tmp_path / "tasks.jsonl", tmp_path / "cascade.yaml"
    rows = [{"id": f"t{number}", "prompt": f"task t{number} .", "target": "x.py"} for number in range(8)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    results, trace = tmp_path / "r.jsonl", tmp_path / "r.trace.jsonl"
    async with ScriptedServer(Reply(text=ANSWER, usage=EACH), pace_s=0.01) as server:
        config.write_text(json.dumps(declared(server, 1)))
        words = ("run", file, "-c", config, "-o", results, "--concurrency", "4")
        process = await start(*words, cwd=tmp_path)
        await called(server, random.Random(seed).randrange(3, 10))
        os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()
        resumed = await start(*words, "--resume", "--json", cwd=tmp_path)
        out, err = await resumed.communicate()
        assert resumed.returncode == 0, err.decode()
        asked = Counter(
            call.messages[-1]["content"].split()[1] for call in server.log if call.document["model"] == "b"
        )
    assert max(asked.values()) == 1, "no shadow was paid twice"
    assert len({json.loads(line)["id"] for line in results.read_text().splitlines()}) == 8
    log = read_trace(trace)
    assert verify(log).problems == ()
    drawn = Counter(event.task_id for event in log.events if isinstance(event, ShadowDrawn))
    assert set(asked) <= set(drawn)
    assert max(drawn.values()) == 1
    assert json.loads(out)["shadow"]["tasks"] <= 8
