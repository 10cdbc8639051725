"""Kill a run at random moments, resume it each time, and look for what was lost or doubled.

    python benchmarks/money/kills.py [--tasks 200] [--kills 200] [--seed 1] [--longest 0.4]

A scripted server on loopback answers and keeps its own log; `cascade run --resume` is a process of its own, ended
by SIGKILL. Prints what the results, the trace and the server's log say. Exit 1 if a task was lost or doubled, a
call of the server's log is missing from the trace, the trace has a fault, or the server billed more than the trace
says at most.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from cascade.testing import Reply, ScriptedServer
from cascade.trace import AttemptRetried, AttemptStarted, read_trace, verify
from cascade.types import Usage

REPLY = Reply(text="```python\nx = 1\n```", usage=Usage(input=100, output=100))
CONFIG = """version: 1
tiers:
  flash: {{model: a, base_url: "{url}", price: {{input: 1, cached_input: 1, output: 1}}, max_output_tokens: 200}}
  pro: {{model: b, base_url: "{url}", price: {{input: 2, cached_input: 2, output: 2}}, max_output_tokens: 200}}
validators: [syntax]
policy: {{use: fixed, order: [flash]}}
"""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much to do. A run is killed at most `longest` seconds after its first call has reached the server."""

    tasks: int
    kills: int
    seed: int = 1
    longest: float = 0.4


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was found. Money in USD."""

    runs: int
    exit_code: int
    lost: int
    doubled: int
    server_calls: int
    missing_calls: int
    open_calls: int
    problems: tuple[str, ...]
    said: str
    server_usd: Decimal
    spent_usd: Decimal
    unknown_usd: Decimal

    @property
    def ok(self) -> bool:
        """Whether nothing was lost, and nothing unaccounted."""
        faults = self.lost + self.doubled + self.missing_calls + len(self.problems) + self.exit_code
        return faults == 0 and self.spent_usd <= self.server_usd <= self.spent_usd + self.unknown_usd


async def run(plan: Plan, folder: Path) -> Outcome:
    """Kill and resume until the plan's kills are spent, then let the run end."""
    async with ScriptedServer(REPLY, pace_s=0.03, piece=4) as server:
        tasks = [{"id": f"t{n}", "prompt": f"task number {n}."} for n in range(plan.tasks)]
        (folder / "tasks.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))
        (folder / "c.yaml").write_text(CONFIG.format(url=server.base_url))
        chance = random.Random(plan.seed)
        runs, code = 0, -9
        while code == -9:
            runs += 1
            after = chance.uniform(0, plan.longest) if runs <= plan.kills else None
            code = await once(folder, server, after)
        return look(plan, folder, server, runs=runs, code=code)


async def once(folder: Path, server: ScriptedServer, kill_after: float | None) -> int:
    """One run; its exit code, -9 if it was killed."""
    calls = len(server.log)
    names = {"-c": "c.yaml", "-o": "r.jsonl", "--trace": "t.jsonl"}
    options = [part for option, name in names.items() for part in (option, str(folder / name))]
    with (folder / "said.txt").open("w") as said:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cascade", "run", str(folder / "tasks.jsonl"), *options),
            *("--resume", "--concurrency", "4", "--json"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=said,
        )
    ended = asyncio.create_task(process.wait())
    if kill_after is not None:
        await asyncio.wait(
            {ended, asyncio.create_task(called(server, calls))}, return_when=asyncio.FIRST_COMPLETED
        )
    try:
        return await asyncio.wait_for(asyncio.shield(ended), kill_after)
    except TimeoutError:
        process.send_signal(signal.SIGKILL)
        return await ended


async def called(server: ScriptedServer, before: int) -> None:
    """Until another call has come in, at most a minute."""
    for _ in range(12_000):
        if len(server.log) > before:
            return
        await asyncio.sleep(0.005)


def look(plan: Plan, folder: Path, server: ScriptedServer, *, runs: int, code: int) -> Outcome:
    """Compare results, trace and the server's log."""
    results = Counter(json.loads(line)["id"] for line in (folder / "r.jsonl").read_text().splitlines())
    log = read_trace(folder / "t.jsonl", strict=False)
    found = verify(log)
    calls = Counter(str(call.messages[-1]["content"]) for call in server.log)
    traced = Counter[str]()
    texts: dict[tuple[str, str | None, int], str] = {}
    for event in log.events:
        if isinstance(event, AttemptStarted):
            assert isinstance(event.messages, list)
            key = (event.run_id, event.task_id, event.attempt)
            texts[key] = str(event.messages[-1]["content"])
            traced[texts[key]] += 1
        elif isinstance(event, AttemptRetried):
            traced[texts[event.run_id, event.task_id, event.attempt]] += 1
    billed = server.billed
    return Outcome(
        runs=runs,
        exit_code=code,
        lost=plan.tasks - len(results),
        doubled=sum(count > 1 for count in results.values()),
        server_calls=len(server.log),
        missing_calls=sum((calls - traced).values()),
        open_calls=len(found.open_calls),
        said=(folder / "said.txt").read_text()[-500:] if code else "",
        problems=tuple(problem.message for problem in found.problems),
        server_usd=Decimal(billed.input + billed.output) / 1_000_000,
        spent_usd=found.progress.spent_usd,
        unknown_usd=found.progress.unknown_usd,
    )


def main() -> None:
    """Run with the arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=float, default=0.4)
    asked = parser.parse_args()
    plan = Plan(tasks=asked.tasks, kills=asked.kills, seed=asked.seed, longest=asked.longest)
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(run(plan, Path(folder)))
    print(outcome)
    sys.exit(0 if outcome.ok else 1)


if __name__ == "__main__":
    main()
