"""Interrupted and killed runs: what was done is kept, and a resumed run does each task exactly once."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from cascade.testing import Reply, ScriptedServer
from tests.cli.conftest import KEY, Command
from tests.laws import first
from tests.waiting import HANGS_S, NEVER_S, heard, until

GOOD = "```python\nx = 1\n```"


def prepare(folder: Path, url: str, *, tasks: int) -> tuple[Path, Path]:
    """Tasks and a config whose checks need no sandboxed run, so that a kill hits calls."""
    config, file = folder / "cascade.yaml", folder / "tasks.jsonl"
    config.write_text(
        "version: 1\nclassifier: rules\nvalidators: [ruff]\n"
        "policy: {use: threshold, start: 0.0, attempts: {flash: 1, pro: 1}}\ntiers:\n"
        + "".join(
            f"  {tier}: {{model: {tier}, base_url: '{url}', api_key: '${{CASCADE_TEST_KEY}}', max_output_tokens: 64, "
            "retries: 0, price: {input: 1, cached_input: 1, output: 1}}\n"
            for tier in ("flash", "pro")
        )
    )
    rows = [{"id": f"t{number}", "prompt": f"task t{number} .", "target": "x.py"} for number in range(tasks)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return config, file


async def start(*words: object, cwd: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cascade",
        *map(str, words),
        cwd=cwd,
        env=os.environ | {"CASCADE_TEST_KEY": KEY},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


async def called(server: ScriptedServer, count: int) -> None:
    """Wait until the server has been asked so often."""
    await until(lambda: len(server.log) >= count, what=f"call {count}")


def ids(results: Path) -> list[str]:
    return [json.loads(line)["id"] for line in results.read_text().splitlines()]


def started(trace: Path) -> list[dict[str, object]]:
    events = [json.loads(line) for line in trace.read_text().splitlines()]
    return [event for event in events if event["event"] == "attempt.started"]


@pytest.mark.parametrize("seed", first([1, 2]))
async def test_a_killed_run_is_resumed_without_losing_or_doubling_a_task(tmp_path: Path, seed: int) -> None:
    async with ScriptedServer(lambda call: Reply(text=GOOD), pace_s=0.01) as server:
        config, tasks = prepare(tmp_path, server.base_url, tasks=24)
        results, trace = tmp_path / "r.jsonl", tmp_path / "r.trace.jsonl"
        words = ("run", tasks, "-c", config, "-o", results, "--concurrency", "4")
        process = await start(*words, cwd=tmp_path)
        await called(server, random.Random(seed).randrange(2, 18))
        os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()
        resumed = await start(*words, "--resume", "--json", cwd=tmp_path)
        out, err = await resumed.communicate()
        assert resumed.returncode == 0, err.decode()
        assert Counter(ids(results)) == Counter(f"t{number}" for number in range(24))
        assert len(started(trace)) >= len(server.log)
        traced = Counter(str(event["task_id"]) for event in started(trace))
        asked = Counter(call.messages[-1]["content"].split()[1] for call in server.log)
        assert not asked - traced, "a call of the server's log is missing from the trace"
        assert json.loads(out)["tasks"] <= 24


async def test_the_first_interrupt_lets_tasks_end_and_begins_no_new_one(tmp_path: Path) -> None:
    async with ScriptedServer(lambda call: Reply(text=GOOD), pace_s=0.2) as server:
        config, tasks = prepare(tmp_path, server.base_url, tasks=30)
        results = tmp_path / "r.jsonl"
        process = await start("run", tasks, "-c", config, "-o", results, "--concurrency", "3", cwd=tmp_path)
        await called(server, 3)
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
        assert process.returncode == 130, err.decode()
        assert 3 <= len(ids(results)) < 30
        assert len(ids(results)) == len(server.log)
        assert "Traceback" not in err.decode()


async def test_the_second_interrupt_cuts_and_leaves_a_state_that_resumes(
    tmp_path: Path, command: Command
) -> None:
    slow = True

    def answer(_: object) -> Reply:
        return Reply(text=GOOD, delay_s=NEVER_S if slow else 0.0)

    async with ScriptedServer(answer) as server:
        config, tasks = prepare(tmp_path, server.base_url, tasks=6)
        results, trace = tmp_path / "r.jsonl", tmp_path / "r.trace.jsonl"
        words = ("run", tasks, "-c", config, "-o", results, "--concurrency", "3")
        process = await start(*words, cwd=tmp_path)
        await called(server, 3)
        process.send_signal(signal.SIGINT)
        said = await heard(process.stderr, b"interrupted")
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(HANGS_S):
            _, err = await process.communicate()
        assert process.returncode == 130, err.decode()
        assert "Traceback" not in (said + err).decode()
        events = [json.loads(line) for line in trace.read_text().splitlines()]
        cut = [event for event in events if event["event"] == "attempt.failed"]
        assert [event["code"] for event in cut] == ["model.cancelled"] * 3
        assert (events[-1]["event"], events[-1]["interrupted"]) == ("run.finished", True)
        slow = False
        ended = await command(*words, "--resume")
        assert ended.code == 0, ended.err
        assert Counter(ids(results)) == Counter(f"t{number}" for number in range(6))


async def test_what_a_killed_call_may_have_cost_counts_against_the_resumed_budget(
    tmp_path: Path, command: Command
) -> None:
    async with ScriptedServer(lambda call: Reply(text=GOOD, delay_s=NEVER_S)) as server:
        config, tasks = prepare(tmp_path, server.base_url, tasks=2)
        results, trace = tmp_path / "r.jsonl", tmp_path / "r.trace.jsonl"
        words = ("run", tasks, "-c", config, "-o", results, "--concurrency", "1")
        process = await start(*words, cwd=tmp_path)
        await called(server, 1)
        os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()
        (call,) = started(trace)
        reserved = Decimal(str(call["reserved_usd"]))
        ended = await command(*words, "--resume", "--budget", reserved + Decimal("0.000001"))
        assert ended.code == 1, ended.err
        assert "unknown fate" in ended.err
        assert len(server.log) == 1
        assert all("budget_exhausted" in line for line in results.read_text().splitlines())


async def test_a_run_that_goes_on_is_not_resumed_or_written_over(tmp_path: Path, command: Command) -> None:
    delays = iter((0.0, NEVER_S))
    async with ScriptedServer(lambda call: Reply(text=GOOD, delay_s=next(delays))) as server:
        config, tasks = prepare(tmp_path, server.base_url, tasks=2)
        results, trace = tmp_path / "r.jsonl", tmp_path / "r.trace.jsonl"
        words = ("run", tasks, "-c", config, "-o", results, "--concurrency", "1")
        process = await start(*words, cwd=tmp_path)
        await called(server, 2)
        for others in ((*words, "--resume"), ("run", tasks, "-c", config, "--trace", trace)):
            ended = await command(*others)
            assert ended.code == 3
            assert "another run" in ended.err
        await server.stop()
        await process.communicate()
        assert len(server.log) == 2
        assert sorted(ids(results)) == ["t0", "t1"]
