"""`Cascade`: the library's front door. Every way in invokes the same LangGraph graph."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import AbstractContextManager, aclosing
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Never, Self

from typing_extensions import Unpack

from cascade.budget import Spent
from cascade.config import Config, default_config, installed, load
from cascade.errors import CascadeError, InputError, NodeError, UsageError
from cascade.events import Event, Finished
from cascade.ledger import Ledger
from cascade.models.base import Model
from cascade.nodes.faults import as_task_error
from cascade.nodes.services import Source
from cascade.notices import Notices
from cascade.report import Tally
from cascade.trailing import Trailing
from cascade.types import Result, Task
from cascade.wiring import Checking, PerProcess, Wired, wire

if TYPE_CHECKING:
    from cascade.graph import CompileOptions, Graph

Listener = Callable[[Event], None]


class Cascade:
    """A cascade of models with checks, ready to run tasks. One instance is one run: one trace, one ledger.

    In a forked child it is a run of the child's own. Threads may share it; see docs/workers.md.

    Use it as an async context manager, or call `aclose` when done: that ends the trace and the tools.
    """

    def __init__(self, wired: Wired) -> None:
        self._here = PerProcess(wired)

    @property
    def _wired(self) -> Wired:
        """The parts in this process."""
        return self._here()

    @property
    def _services(self) -> Source:
        """What gives the graph its services; it must not hold the cascade."""
        here = self._here
        return lambda: here().services

    def __getstate__(self) -> Never:
        raise UsageError(
            "a cascade cannot be sent to another process",
            hint="open one from the config in each process: Cascade.from_file(PATH); see docs/workers.md",
        )

    @classmethod
    def from_file(cls, path: str | Path, *, trace: str | Path | None = None) -> Self:
        """From a config file (YAML or TOML). Raises ConfigError with every mistake located."""
        return cls.from_config(load(path, plugins=installed()), trace=trace)

    @classmethod
    def from_config(
        cls,
        config: Config,
        *,
        trace: str | Path | None = None,
        seed: int | None = None,
        checking: Checking | None = None,
        models: Mapping[str, Model] | None = None,
        spent: Spent = Spent(),  # noqa: B008  (frozen)
    ) -> Self:
        """From a `Config`. `trace` overrides its trace path, `seed` fixes what exploration draws.

        `checking` shares the checks of another cascade (`cascade.wiring.open_checks`). `models` are used for
        the tiers that they name instead of what the config says (its price and limits stay). `spent` is what a
        resumed run has spent before: it counts against the budgets.
        """
        place = None if trace is None else Path(trace)
        return cls(wire(config, trace_path=place, seed=seed, checking=checking, models=models, spent=spent))

    @classmethod
    def default(cls, *, trace: str | Path | None = None) -> Self:
        """DeepSeek's Flash and Pro. Raises ConfigError if the environment variable DEEPSEEK_API_KEY is not set."""
        return cls.from_config(default_config(need_key=True), trace=trace)

    @cached_property
    def graph(self) -> Graph:
        """A compiled LangGraph graph, `{"task": ...}` in and `{"result": ...}` out, to embed as a node."""
        from cascade.graph import compile_graph

        return compile_graph(self._services, self._wired.graph)

    def _unattended(self) -> Graph:
        """The graph, if it runs without a person."""
        from cascade.graph import PEOPLE, waits_for_people

        if any(map(waits_for_people, self._wired.graphs)):
            raise UsageError("the graph has a human node, and nobody is asked here", hint=PEOPLE)
        return self._alone

    @cached_property
    def _alone(self) -> Graph:
        """The graph for `run` and `stream`, which are whole runs of their own also inside someone's node."""
        return self.compile(checkpointer=False)

    def compile(self, **options: Unpack[CompileOptions]) -> Graph:
        """The graph with LangGraph's own options: `checkpointer`, `store`, `interrupt_before`, `name`, ..."""
        from cascade.graph import compile_graph

        return compile_graph(self._services, self._wired.graph, **options)

    @property
    def tiers(self) -> tuple[str, ...]:
        """Names of the tiers, cheapest first."""
        return tuple(self._wired.services.tiers)

    @property
    def validators(self) -> tuple[str, ...]:
        """Names of the checks that a task may ask for."""
        return self._wired.services.checks.names

    @property
    def ledger(self) -> Ledger:
        """What every call of this run cost."""
        return self._wired.services.ledger

    @property
    def tally(self) -> Tally:
        """Sums over the events of this run: what its trace says, as tables and JSON."""
        return self._wired.trace.tally

    @property
    def notices(self) -> Notices:
        """What a user should know although nothing failed: `listen` to it, or read it counted."""
        return self._wired.services.notices

    @property
    def trace_path(self) -> str | None:
        """The trace file, once the first task has begun."""
        return self._wired.trace.path

    @property
    def sandbox_layers(self) -> tuple[str, ...]:
        """What isolates model-written code here, as probed."""
        return self._wired.checking.layers

    async def run(self, task: Task | str) -> Result:
        """Run one task to its end. Raises InputError if the task is not valid, StorageError if the trace fails.

        A shadow goes on behind the result; `aclose` waits for it.
        """
        from cascade.graph import invoke

        if self._wired.services.shadows is None:
            with self._at_work(_task(task)):
                return await invoke(self._unattended(), _task(task))
        return await _end_of(self._events(_task(task), self._wired.trailing))

    def run_sync(self, task: Task | str) -> Result:
        """`run` for callers without an event loop, closing the cascade's connections afterwards.

        Several threads may call it at once. Raises UsageError inside a running loop.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self._run_and_release(_task(task)))
        raise UsageError(
            "run_sync was called inside a running event loop", hint="use `await cascade.run(task)` there"
        )

    def run_blocking(self, task: Task | str) -> Result:
        """`run` for a thread that may wait, in the cascade's own event loop; connections stay open until `aclose`.

        Several threads may call it at once; they share the connections.
        """
        return self._wired.services.background.run(self.run(task))

    async def _run_and_release(self, task: Task) -> Result:
        try:
            result = await self.run(task)
            await self._wired.trailing.settle()
            return result
        finally:
            await self._wired.release_unused()

    async def stream(self, task: Task | str) -> AsyncGenerator[Event]:
        """Run one task, yielding typed events (`cascade.events`). Closing the iterator cancels the call.

        The last one is `Finished`; a shadow goes on behind it.
        """
        async with aclosing(self._events(_task(task), self._wired.trailing)) as events:
            async for event in events:
                yield event

    def _at_work(self, task: Task) -> AbstractContextManager[None]:
        """Tasks that are at work with one context make a warm call worth its money."""
        services = self._wired.services
        return services.prefixes.at_work(services.contexts.key(task))

    def _events(self, task: Task, trailing: Trailing) -> AsyncGenerator[Event]:
        events = self._streamed(task)
        return events if self._wired.services.shadows is None else trailing.ended(events)

    async def _streamed(self, task: Task) -> AsyncGenerator[Event]:
        from cascade.graph import stream

        with self._at_work(task):
            async with aclosing(stream(self._unattended(), task)) as events:
                async for event in events:
                    yield event

    async def run_many(
        self, tasks: Iterable[Task], *, concurrency: int = 32, listen: Listener | None = None
    ) -> AsyncGenerator[Result]:
        """Run tasks side by side, yielding results as they end. `tasks` is read as places become free.

        A task that is not valid ends as a result with status `error`. `listen` hears every event of every
        task. Closing the iterator cancels what is under way. A shadow keeps its task's place, and the iterator ends
        when all have ended.
        """
        if concurrency < 1:
            raise UsageError(f"concurrency must be at least 1, not {concurrency}")
        waiting, trailing = iter(tasks), Trailing()
        running: set[asyncio.Task[Result]] = set()
        try:
            while True:
                while (
                    len(running) + len(trailing.jobs) < concurrency
                    and (task := next(waiting, None)) is not None
                ):
                    running.add(asyncio.create_task(self._one(task, listen, trailing)))
                if not running and not trailing.jobs:
                    return
                done, _ = await asyncio.wait(running | trailing.jobs, return_when=asyncio.FIRST_COMPLETED)
                for finished in running & done:
                    yield finished.result()
                running -= done
        finally:
            for under_way in running:
                under_way.cancel()
            await asyncio.gather(*running, trailing.cancel(), return_exceptions=True)

    async def _one(self, task: Task, listen: Listener | None, trailing: Trailing) -> Result:
        """One task of many: an invalid one is a result, and does not take the others down."""
        try:
            if listen is None and self._wired.services.shadows is None:
                return await self.run(task)
            return await _end_of(self._events(task, trailing), listen)
        except (InputError, NodeError) as error:
            if error.result is not None:
                return error.result
            return self._failed(task, reason=error.message, error=error.code)
        except CascadeError:
            raise  # what fails here fails for every task: the config, the disk, the sandbox
        except UnicodeError as error:
            return self._failed(task, reason=f"a text of it cannot be written: {error}", error="text")
        except Exception as error:  # noqa: BLE001  (one task's fault, wherever it is, takes no other one down)
            fault = as_task_error("task", error)
            return self._failed(task, reason=fault.message, error=fault.code)

    def _failed(self, task: Task, *, reason: str, error: str) -> Result:
        """A task that ended with an error before its graph could say how far it came; what it cost is known."""
        spent = self.ledger.of_task(task.id).cost_usd
        return Result(id=task.id, status="error", reason=reason, error=error, cost_usd=spent)

    async def aclose(self) -> None:
        """End the trace, close connections, tools and the sandbox. May be called more than once.

        Waits for shadows; cancelled, it cancels them.
        """
        try:
            await self._wired.trailing.settle()
            await self._wired.services.background.call(self._wired.trailing.settle)
        finally:
            await self._wired.aclose()

    def interrupt(self) -> None:
        """Say in the trace that the run is cut short: by a signal, or because its caller was cancelled."""
        self._wired.trace.interrupted = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and issubclass(kind, asyncio.CancelledError | KeyboardInterrupt):
            self.interrupt()
        await self.aclose()


async def _end_of(events: AsyncGenerator[Event], listen: Listener | None = None) -> Result:
    result: Result | None = None
    async with aclosing(events):
        async for event in events:
            if listen is not None:
                listen(event)
            if isinstance(event, Finished):
                result = event.result
    assert result is not None, "every task ends with a Finished event"
    return result


def _task(task: Task | str) -> Task:
    return Task(prompt=task) if isinstance(task, str) else task
