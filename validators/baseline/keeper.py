"""Observing the untouched workspace: once for its content and a validator, whoever asks, in this run or another."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from cascade.types import Candidate, Report, SuiteRun, Task
from cascade.validators.base import Validator
from cascade.validators.baseline.key import ContentDigests, base_key, digest
from cascade.validators.baseline.store import Store
from cascade.validators.baseline.values import Baseline, Observed
from cascade.validators.bytecode import Compiled
from cascade.validators.project import Project
from cascade.validators.workspace import Place, Workspace, read_below

# A tool is shown the whole tree up to this many files; above, only the files that answers touch.
MAX_FILES = 500
# Seconds that a suite may take on the untouched workspace where its validator has no limit of its own.
SUITE_S = 300.0
# A suite that takes longer is not run a second time to look for flaky tests.
TWICE_S = 60.0


@runtime_checkable
class Comparable(Protocol):
    """A validator whose reports on two states of a workspace can be compared.

    `compares` says by what. `fingerprint` is what its words depend on apart from the workspace: its options.
    """

    @property
    def compares(self) -> Literal["findings", "tests"]:
        """By findings of files, or by tests."""
        ...

    @property
    def fingerprint(self) -> str:
        """Its options, as text."""
        ...

    def looks_at(self, path: str) -> bool:
        """Whether it would look at a file of an answer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where the untouched workspace is observed, and with what."""

    place: Callable[[], Place]
    project: Project
    check: Callable[[Validator, Workspace], Awaitable[Report]]
    layers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What of a workspace is observed: the files that a tool is given, the tests that are selected."""

    files: tuple[str, ...] | None = None
    """None: all that the validator looks at, if they are not too many."""
    select: tuple[str, ...] = ()
    """Test files in the order in which they are to run; empty: all, in the suite's own order."""


class Baselines:
    """What validators say of untouched workspaces. Concurrent askers wait for the same work."""

    def __init__(self, surroundings: Surroundings, *, store: Store | None = None) -> None:
        self._where = surroundings
        self._store = store or Store()
        self._contents = ContentDigests()
        self._kept: dict[str, Observed] = {}
        self._compiled: dict[str, tuple[Compiled, ...]] = {}
        self._running: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, dict[str, asyncio.Task[Observed]]
        ] = weakref.WeakKeyDictionary()

    async def of(self, task: Task, validators: Sequence[Validator]) -> Baseline:
        """The baseline of a task's workspace by the validators that can be compared.

        Raises InputError for a workspace that cannot be read.
        """
        comparable = [one for one in validators if isinstance(one, Comparable)]
        state = await self.state(task)
        seen = await asyncio.gather(*(self.observed(task, one, View(), state=state) for one in comparable))
        return Baseline(by_validator={one.name: each for one, each in zip(comparable, seen, strict=True)})

    async def state(self, task: Task) -> str:
        """What tells the state of a task's untouched workspace, its interpreter and tools from any other."""
        return await asyncio.to_thread(self._state, task)

    async def observed(self, task: Task, validator: Validator, view: View, *, state: str) -> Observed:
        """What one validator says of the untouched workspace in this state, remembered by it."""
        assert isinstance(validator, Comparable), f"{validator.name} can be compared"
        key = digest([state, validator.name, validator.fingerprint, view.files, view.select])
        if key not in self._kept:
            running = self._running.setdefault(asyncio.get_running_loop(), {})
            if key not in running:
                work = self._observe(task, validator, view, key=key)
                running[key] = asyncio.create_task(work)
                running[key].add_done_callback(lambda _: running.pop(key, None))
            # Whoever is cancelled leaves; the others, and the next who asks, still wait for the work.
            return await asyncio.shield(running[key])
        return self._kept[key]

    def reader(self, task: Task) -> Callable[[str], str | None]:
        """Reads a file of the untouched workspace; None where there is none."""

        def read(path: str) -> str | None:
            if path in task.files or task.workspace is None:
                return task.files.get(path)
            return read_below(Path(task.workspace), path)

        return read

    async def aclose(self) -> None:
        """End what is under way."""
        running = list(self._running.get(asyncio.get_running_loop(), {}).values())
        for work in running:
            work.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _state(self, task: Task) -> str:
        content = self._contents.of(task.workspace) if task.workspace is not None else ""
        return base_key(task, self._where.project, content=content, layers=self._where.layers)

    async def _observe(self, task: Task, validator: Validator, view: View, *, key: str) -> Observed:
        kept = await asyncio.to_thread(self._store.read, key) if task.workspace is not None else None
        if kept is not None:
            await asyncio.to_thread(self._restore, task, key)
        else:
            kept = await self._look(task, validator, view, key=key)
            compiled = self._compiled.pop(key, ())
            # What could not be checked may be checked the next time: a tool may be installed by then.
            if task.workspace is not None and (kept.status != "unchecked" or kept.run is not None):
                await asyncio.to_thread(self._store.write, key, kept)
                await asyncio.to_thread(self._store.write_compiled, key, compiled)
        self._kept[key] = kept
        return kept

    def _restore(self, task: Task, key: str) -> None:
        """Lay beside the workspace's copy what was compiled when this was observed."""
        place = self._where.place()
        if task.workspace is not None and place.share:
            place.snapshots.keep_compiled(task.workspace, self._store.read_compiled(key))

    async def _look(self, task: Task, validator: Validator, view: View, *, key: str) -> Observed:
        first = await self._report(task, validator, view, key=key)
        seen = Observed(
            status=first.status, detail=first.detail, diagnostics=first.diagnostics, run=first.run
        )
        if first.run is None or not first.run.complete or first.run.wall_s > TWICE_S:
            return seen
        second = await self._report(task, validator, view, key=key)
        if second.run is None or not second.run.complete:
            return seen
        return replace(seen, flaky=_differing(first.run, second.run))

    async def _report(self, task: Task, validator: Validator, view: View, *, key: str) -> Report:
        assert isinstance(validator, Comparable), f"{validator.name} can be compared"
        where = self._where
        workspace = await asyncio.to_thread(
            Workspace, task, Candidate(text=""), place=where.place(), project=where.project
        )
        try:
            looked_at = _looked_at(validator, workspace, view)
            if view.files is None and len(looked_at) > MAX_FILES:
                detail = f"{len(looked_at)} files are too many to be looked at beforehand"
                return Report(name=validator.name, status="unchecked", detail=detail)
            workspace.touched, workspace.select, workspace.wall_s = looked_at, view.select, SUITE_S
            ask = getattr(validator, "nothing_to_check", None)
            reason = ask(workspace) if ask is not None else None
            if reason is not None:
                return Report(name=validator.name, status="passed", detail=reason)
            workspace.compiles = validator.compares == "tests"
            report = await where.check(validator, workspace)
            if workspace.compiles:
                self._compiled[key] = await asyncio.to_thread(workspace.keep_compiled)
            return report
        finally:
            await asyncio.shield(asyncio.to_thread(workspace.close))


def _looked_at(validator: Comparable, workspace: Workspace, view: View) -> tuple[str, ...]:
    """The files that stand for the answer's; a suite is run as it is, without any."""
    if validator.compares == "tests":
        return ()
    listed = workspace.listing() if view.files is None else view.files
    return tuple(path for path in listed if validator.looks_at(path))


def _differing(one: SuiteRun, other: SuiteRun) -> tuple[str, ...]:
    tests = {*one.tests, *other.tests}
    return tuple(sorted(test for test in tests if one.tests.get(test) != other.tests.get(test)))
