"""python -m benchmarks.wire [--streams 20000] [--seed 0]: whatever an endpoint sends, nothing is lost.

Calls in batches, with and without tools, of an endpoint that replays mutated streams
(`cascade.testing.mutations`). Of eight batches five are calls of a model, one goes through a whole cascade, one
of these through `run_sync`, one over sockets. Every call ends as an answer or a `ModelError`, every request is
a charge, and a charge is what the server counted wherever it counted; of a cascade every task has its line in
the results file, the trace verifies, and `--resume` sees what is done. Set TMPDIR to a folder in memory: each
call of a cascade is synced to disk.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from cascade import Task
from cascade.api import Cascade
from cascade.cli.resume import FINAL, standing
from cascade.config import Config
from cascade.errors import ModelError
from cascade.models.base import Meter, ModelRequest
from cascade.models.chain import EndpointChain
from cascade.models.gate import Clock
from cascade.models.openai import OpenAIModel
from cascade.models.spec import EndpointSpec, RetryPolicy
from cascade.results import ResultsWriter, read_finished
from cascade.testing.in_process import InProcessEndpoint
from cascade.testing.mutations import WireAnswer, mutated_answer
from cascade.trace import read_trace, verify
from cascade.types import Charge, Result

BATCH = 250
IDLE_S = 0.05  # in process, where no part of a stream can be late
SOCKET_IDLE_S = 10.0  # long enough for a machine that is busy with other work
MOST_S = 600.0  # of a batch: no stream may hang past its limits, on however busy a machine
TOOLS = (
    {
        "type": "function",
        "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
    },
)
RETRY = RetryPolicy(max_tries=2, failures_to_open=10**9)


async def _at_once(_: float) -> None:
    await asyncio.sleep(0)


@dataclass
class Server:
    """Replays mutated answers, and remembers for each task what it sent."""

    seed: int
    sent: dict[str, list[WireAnswer]] = field(default_factory=dict)

    def __call__(self, body: bytes) -> WireAnswer:
        """The next answer for the task that the request's last message names."""
        request = json.loads(body)
        task = str(request["messages"][-1]["content"]).split()[-1]
        before = self.sent.setdefault(task, [])
        rng = random.Random(f"{self.seed}/{task}/{len(before)}")
        before.append(mutated_answer(rng, tools=bool(request.get("tools"))))
        return before[-1]


class Sockets:
    """The same over a real connection."""

    def __init__(self, answer: Server) -> None:
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self.url = ""

    async def __aenter__(self) -> Sockets:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**22)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length")
            )
            answer = self._answer(await reader.readexactly(length))
            lines = "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
            declared = "" if answer.end == "open" else f"content-length: {len(answer.body)}\r\n"
            if answer.end == "broken":
                declared = f"content-length: {len(answer.body) + 1}\r\n"
            start = f"HTTP/1.1 {answer.status} X\r\n{lines}{declared}connection: close\r\n\r\n"
            writer.write(start.encode() + answer.body)
            await writer.drain()
            if answer.end == "open":
                await asyncio.sleep(30)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()


def _spec(url: str, idle_s: float = IDLE_S) -> EndpointSpec:
    return EndpointSpec(
        name="flash", model="m", base_url=url, timeout=60.0, idle_timeout=idle_s, max_output_tokens=400
    )


def _config() -> Config:
    tier = {"model": "m", "base_url": "http://unused.invalid/v1", "price": {"input": 1, "output": 2}}
    return Config.model_validate(
        {
            "version": 1,
            "tiers": {"flash": tier, "pro": tier},
            "validators": [],
            "policy": {"use": "fixed", "order": ["flash"]},
        }
    )


def _task(number: int) -> Task:
    name = f"t{number}"
    if number % 2:
        message = {"role": "user", "content": f"weather, task {name}"}
        return Task(id=name, prompt="weather", messages=(message,), tools=TOOLS)
    return Task(id=name, prompt=f"Say hello, task {name}")


@dataclass
class Fuzz:
    """The state of a run: counts of what came, and every broken promise."""

    seed: int
    folder: Path
    ends: Counter[str] = field(default_factory=Counter)
    streams: int = 0
    counted: int = 0
    faults: list[str] = field(default_factory=list)

    def batch(self, number: int) -> None:
        """Run one batch and hold it to its promises."""
        tasks = [_task(number * BATCH + each) for each in range(BATCH)]
        server = Server(self.seed)
        results, trace = self.folder / f"r{number}.jsonl", self.folder / f"t{number}.jsonl"
        try:
            if number % 8 not in (1, 3, 5):
                self._check_calls(server, asyncio.run(self._calls(tasks, server)))
                return
            if number % 8 == 3:
                tasks = tasks[: BATCH // 4]
                charges = self._blocking(tasks, server, results, trace)
            elif number % 8 == 5:
                charges = asyncio.run(self._sockets(tasks, server, results, trace))
            else:
                model = EndpointChain([self._endpoint(server)], retry=RETRY, clock=_clock())
                charges = asyncio.run(self._run(tasks, model, results, trace))
        except Exception as error:  # noqa: BLE001  (any exception is a finding)
            self.faults.append(f"batch {number}: {type(error).__name__}: {error}")
            return
        self._check(number, tasks, server, charges, results, trace)
        results.unlink()
        trace.unlink()

    def _endpoint(self, server: Server) -> InProcessEndpoint:
        return InProcessEndpoint(_spec("http://unused.invalid/v1"), server)

    async def _calls(self, tasks: list[Task], server: Server) -> dict[str, list[Charge]]:
        """Call the model alone."""
        model = EndpointChain([self._endpoint(server)], retry=RETRY, clock=_clock())
        meters = {task.id: Meter() for task in tasks}
        free = asyncio.Semaphore(64)

        async def call(task: Task) -> None:
            messages = task.messages or ({"role": "user", "content": task.prompt},)
            asked = ModelRequest(
                messages=messages, task_id=task.id, tier="flash", tools=task.tools, meter=meters[task.id]
            )
            async with free:
                try:
                    completion = await model.generate(asked)
                except ModelError as error:
                    self.ends[error.code] += 1
                else:
                    self.ends["answered"] += 1
                    f"{completion.text}{completion.reasoning}{completion.tool_calls}".encode()

        async with asyncio.timeout(MOST_S):
            await asyncio.gather(*map(call, tasks))
        return {name: meter.charges for name, meter in meters.items()}

    def _check_calls(self, server: Server, charges: dict[str, list[Charge]]) -> None:
        for name, booked in charges.items():
            self._compare(name, server.sent.get(name, []), booked)

    async def _sockets(
        self, tasks: list[Task], server: Server, results: Path, trace: Path
    ) -> dict[str, list[Charge]]:
        async with Sockets(server) as wire:
            model = OpenAIModel(_spec(wire.url, SOCKET_IDLE_S), retry=RETRY, clock=_clock())
            return await self._run(tasks, model, results, trace)

    async def _run(
        self, tasks: list[Task], model: Any, results: Path, trace: Path
    ) -> dict[str, list[Charge]]:
        with ResultsWriter(results) as writer:
            async with (
                asyncio.timeout(MOST_S),
                Cascade.from_config(_config(), trace=trace, models={"flash": model}) as cascade,
            ):
                async for result in cascade.run_many(tasks, concurrency=64):
                    self._take(result, writer)
        return _charges(cascade)

    def _blocking(
        self, tasks: list[Task], server: Server, results: Path, trace: Path
    ) -> dict[str, list[Charge]]:
        model = EndpointChain([self._endpoint(server)], retry=RETRY, clock=_clock())
        cascade = Cascade.from_config(_config(), trace=trace, models={"flash": model})
        with ResultsWriter(results) as writer:
            for task in tasks:
                self._take(cascade.run_sync(task), writer)
        asyncio.run(cascade.aclose())
        return _charges(cascade)

    def _take(self, result: Result, writer: ResultsWriter) -> None:
        writer.write(result)
        self.ends[result.error or result.status] += 1
        if result.error is not None and not result.error.startswith("model."):
            self.faults.append(f"{result.id} ended with {result.error}: {result.reason}")

    def _check(
        self,
        number: int,
        tasks: list[Task],
        server: Server,
        charges: dict[str, list[Charge]],
        results: Path,
        trace: Path,
    ) -> None:
        finished = read_finished(results)
        if set(finished) != {task.id for task in tasks}:
            self.faults.append(f"batch {number}: {len(finished)} of {len(tasks)} results")
        done = {name for name, each in finished.items() if each.status in FINAL}
        if standing(str(results), str(trace)).done != done:
            self.faults.append(f"batch {number}: --resume does not see what is done")
        found = verify(read_trace(trace))
        self.faults += [f"batch {number}: trace: {problem}" for problem in found.problems]
        for task in tasks:
            self._compare(task.id, server.sent.get(task.id, []), charges.get(task.id, []))

    def _compare(self, name: str, sent: list[WireAnswer], booked: list[Charge]) -> None:
        self.streams += len(sent)
        if len(sent) != len(booked):
            self.faults.append(f"{name}: {len(sent)} requests, {len(booked)} charges")
            return
        for answer, charge in zip(sent, booked, strict=True):
            if answer.counted is None:
                continue
            self.counted += 1
            if (charge.usage.input, charge.usage.output) != answer.counted:
                self.faults.append(
                    f"{name}: counted {answer.counted}, booked {charge.usage} ({charge.billing}, {charge.error}): "
                    f"{answer!r}"
                )


def _clock() -> Clock:
    return Clock(sleep=_at_once)


def _charges(cascade: Cascade) -> dict[str, list[Charge]]:
    charges: dict[str, list[Charge]] = {}
    for entry in cascade.ledger.entries:
        charges.setdefault(entry.task_id, []).extend(each.charge for each in entry.charges)
    return charges


@click.command()
@click.option("--streams", default=20_000, help="Streams to send at least.")
@click.option("--seed", default=0)
def main(streams: int, seed: int) -> None:
    """Send them, print what came, exit 1 if a promise was broken."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        fuzz, number = Fuzz(seed, Path(folder)), 0
        while fuzz.streams < streams and not fuzz.faults[50:]:
            fuzz.batch(number)
            number += 1
            click.echo(f"{fuzz.streams} streams, {fuzz.counted} counted, {len(fuzz.faults)} faults", err=True)
    spent = time.perf_counter() - began
    print(f"{fuzz.streams} streams, {number} batches, {spent:.0f} s")
    print(f"{fuzz.counted} streams with the server's own count; faults: {len(fuzz.faults)}")
    for end, count in fuzz.ends.most_common():
        print(f"  {count:7} {end}")
    for fault in fuzz.faults[:20]:
        print(fault[:2000])
    sys.exit(bool(fuzz.faults))


if __name__ == "__main__":
    main()
