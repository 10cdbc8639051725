"""Running many tasks from the command line: results as they end, Ctrl-C in two steps, nothing lost."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

from cascade.api import Cascade
from cascade.cli.screen import Live
from cascade.results import ResultsWriter
from cascade.tasks import BrokenLine
from cascade.types import Result, Task


@dataclass(slots=True)
class BatchEnd:
    """How a batch ended: counts by status and error code, the first message of each, whether it was interrupted."""

    statuses: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    interrupted: bool = False
    short: str = ""
    """Why the first task that ended for money did, and what would have been enough."""

    def take(self, result: Result, *, keep: bool) -> None:
        """Count one result."""
        self.statuses[result.status] = self.statuses.get(result.status, 0) + 1
        if result.status == "budget_exhausted":
            self.short = self.short or result.reason
        if result.error:
            self.errors[result.error] = self.errors.get(result.error, 0) + 1
            messages = [attempt.error_message for attempt in result.attempts if attempt.error == result.error]
            self.told.setdefault(result.error, (messages or [None])[-1] or result.reason)
        if keep:
            self.results.append(result)

    @property
    def money_lines(self) -> list[str]:
        """Tasks that ended for money, and why the first did."""
        count = self.statuses.get("budget_exhausted", 0)
        return [f"{count}x budget_exhausted: {self.short}"] if count else []

    @property
    def exit_code(self) -> int:
        """0 all accepted; 1 something was not; 2 no task was valid; 3 the outside failed; 130 interrupted."""
        if self.interrupted:
            return 130
        if self.errors.get("input", 0) == sum(self.statuses.values()) > 0:
            return 2
        if any(code.startswith(("model.", "sandbox", "storage")) for code in self.errors):
            return 3
        return 0 if set(self.statuses) <= {"accepted"} else 1


@dataclass(slots=True, kw_only=True)
class Batch:
    """Tasks to run, where results go, what is shown."""

    cascade: Cascade
    concurrency: int
    writer: ResultsWriter | None = None
    live: Live
    keep: bool = False
    end: BatchEnd = field(default_factory=BatchEnd)
    _done: int = 0

    async def run(self, tasks: Iterable[Task | BrokenLine]) -> BatchEnd:
        """Run them all. The first Ctrl-C takes no new task and lets those under way end; the second cuts."""
        stop = asyncio.Event()
        with _on_interrupt(self._interrupted(stop)):
            try:
                good = self._good(tasks, stop)
                async for result in self.cascade.run_many(good, concurrency=self.concurrency):
                    self._book(result)
            except asyncio.CancelledError:
                self.end.interrupted = True
                current = asyncio.current_task()
                if current is None or not current.uncancel():
                    return self.end
                raise
        self.end.interrupted = stop.is_set()
        return self.end

    def _good(self, tasks: Iterable[Task | BrokenLine], stop: asyncio.Event) -> Iterator[Task]:
        """Tasks only; a broken line is said, booked as a failed task, and passed over."""
        for task in tasks:
            if stop.is_set():
                return
            if isinstance(task, Task):
                yield task
                continue
            self.live.say(f"skipped {task}")
            name = task.id or f"line-{task.line}"
            self._book(Result(id=name, status="error", reason=str(task), error="input"))

    def _book(self, result: Result) -> None:
        if self.writer is not None:
            self.writer.write(result)
        self.end.take(result, keep=self.keep)
        self._done += 1
        self.live.update(self.cascade.tally, done=self._done)

    def _interrupted(self, stop: asyncio.Event) -> Callable[[], None]:
        main = asyncio.current_task()

        def act() -> None:
            if stop.is_set() and main is not None:
                main.cancel()
            stop.set()
            self.cascade.interrupt()
            self.live.say("interrupted: tasks under way will end, no new one begins; Ctrl-C again cuts them")

        return act


@contextmanager
def _on_interrupt(act: Callable[[], None]) -> Iterator[None]:
    """Call `act` on SIGINT and SIGTERM while the block runs."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, act)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def results_file(path: str | None, *, resume: bool) -> AbstractContextManager[ResultsWriter | None]:
    """The results writer, or nothing where none is wanted."""
    return nullcontext() if path is None else ResultsWriter(path, resume=resume)
