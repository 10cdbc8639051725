"""All validators on one candidate, in a fresh workspace, folded into one verdict."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cascade.errors import CascadeError, InputError
from cascade.forks import ForkAware, follow_forks
from cascade.types import Candidate, Diagnostic, Report, Task, Verdict
from cascade.validators.base import Validator
from cascade.validators.baseline.keeper import Baselines, Surroundings
from cascade.validators.baseline.store import Store
from cascade.validators.baseline.values import Baseline
from cascade.validators.examination import Examination, report_of
from cascade.validators.order import Experience, stages
from cascade.validators.project import Project
from cascade.validators.sandbox import Sandbox
from cascade.validators.snapshot import Snapshots, left_out
from cascade.validators.workspace import Place, RejectedCandidateError, Workspace


class Suite(ForkAware):
    """Runs validators on candidates; safe to call many times at once, from many threads, and in a forked child.

    `stop_early` ends at the first stage in which one failed; otherwise all run, at once. `experience` orders
    them by what was learnt from traces. `sandbox` is where workspaces live (default: that of the first validator
    which has one); closing it is its owner's. `project` says how workspaces are built on and tested.
    `baselines` is where baselines are kept (default: the user's cache).
    """

    def __init__(
        self,
        validators: Sequence[Validator],
        *,
        stop_early: bool = True,
        experience: Mapping[str, Experience] | None = None,
        sandbox: Sandbox | None = None,
        concurrency: int | None = None,
        project: Project = Project(),  # noqa: B008  (frozen)
        baselines: Store | None = None,
    ) -> None:
        self.validators = tuple(validators)
        self.stop_early = stop_early
        self.project = project
        self._experience = dict(experience or {})
        self._sandbox = sandbox or _sandbox_of(validators)
        self._concurrency = concurrency or max(2, os.cpu_count() or 1)
        self._slots: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]
        self._slots = weakref.WeakKeyDictionary()
        self._place: Place | None = None
        self._lock = threading.RLock()
        self._remove_own: weakref.finalize[..., Suite] | None = None
        layers = () if self._sandbox is None else self._sandbox.layers
        self._baselines = Baselines(
            Surroundings(place=self._where, project=project, check=report_of, layers=layers), store=baselines
        )
        follow_forks(self)

    @property
    def names(self) -> tuple[str, ...]:
        """The validators' names, in configured order."""
        return tuple(validator.name for validator in self.validators)

    async def check(self, task: Task, candidate: Candidate) -> Verdict:
        """What the validators say of the candidate.

        Only `task.validators` run if the task names some. A validator that has nothing to check (no tests, no
        file of its kind) is skipped and named in `Verdict.skipped`. Cancelling ends every tool.

        Raises:
            InputError: the task names an unknown validator, or its paths are wrong.
            StorageError: no workspace can be made.
        """
        chosen = self._chosen(task)
        async with self._slot():
            try:
                examination = await asyncio.to_thread(self._open, task, candidate)
            except RejectedCandidateError as error:
                return Verdict.of([_rejected(error)])
            try:
                return await self._run(chosen, examination)
            finally:
                await asyncio.shield(asyncio.to_thread(examination.close))

    async def baseline(self, task: Task) -> Baseline:
        """What the validators say of the task's untouched workspace: kept by content, shared by tasks and runs.

        Empty without a workspace, and where the project wants no baseline. To be called before anything is paid;
        `check` computes what is missing.

        Raises:
            InputError: the workspace or its project's interpreter cannot be used.
        """
        if task.workspace is None or not self.project.baseline:
            return Baseline()
        chosen = self._chosen(task)
        outside = await asyncio.to_thread(left_out, Path(task.workspace))
        baseline = await self._baselines.of(task, chosen)
        return replace(baseline, left_out=outside)

    async def prepare(self, task: Task) -> None:
        """Compute the task's baseline, so that what is wrong with its workspace is said before anything is paid.

        Raises InputError as `baseline`. What cannot be computed for another reason is said by the verdict.
        """
        try:
            await self.baseline(task)
        except InputError:
            raise
        except CascadeError:
            return

    async def aclose(self) -> None:
        """Close the validators, and remove what the suite keeps on disk."""
        for validator in self.validators:
            close = getattr(validator, "aclose", None)
            if close is not None:
                await close()
        await self._baselines.aclose()
        with self._lock:
            self._place = None
            if self._remove_own is not None:
                self._remove_own()

    def _chosen(self, task: Task) -> tuple[Validator, ...]:
        if task.validators is None:
            return self.validators
        known = {validator.name: validator for validator in self.validators}
        unknown = [name for name in task.validators if name not in known]
        if unknown:
            raise InputError(
                f"task {task.id!r} names unknown validators: {', '.join(unknown)}",
                hint=f"configured are: {', '.join(known) or 'none'}",
            )
        return tuple(known[name] for name in task.validators)

    def _open(self, task: Task, candidate: Candidate) -> Examination:
        return Examination(
            task, candidate, place=self._where(), project=self.project, baselines=self._baselines
        )

    def _slot(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        return self._slots.setdefault(loop, asyncio.Semaphore(self._concurrency))

    def _where(self) -> Place:
        with self._lock:
            if self._place is None:
                self._place = self._make_place()
            return self._place

    def before_fork(self) -> None:
        """Let no thread be in the middle of making the place."""
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        """Nothing changes here."""
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Leave the place to the parent."""
        self._lock = threading.RLock()
        self._place = None
        if self._remove_own is not None:
            self._remove_own.detach()

    def _make_place(self) -> Place:
        if self._sandbox is None:
            parent = Path(tempfile.mkdtemp(prefix="cascade-"))
            self._remove_own = weakref.finalize(self, shutil.rmtree, parent, ignore_errors=True)
            return Place(parent=parent, snapshots=Snapshots(parent), share=False)
        parent, share = self._sandbox.root, self._sandbox.isolates
        owner = self._sandbox.owner
        snapshots = Snapshots(parent, sealed=owner is None)
        return Place(parent=parent, snapshots=snapshots, share=share, owner=owner)

    async def _run(self, validators: Sequence[Validator], examination: Examination) -> Verdict:
        reasons = {v.name: _nothing_to_do(v, examination.seen_by(v)) for v in validators}
        skipped = {name: why for name, why in reasons.items() if why}
        due = [validator for validator in validators if validator.name not in skipped]
        groups = stages(due, self._experience) if self.stop_early else [list(due)]
        reports: list[Report] = []
        for group in groups:
            reports += await _together(group, examination)
            if self.stop_early and any(report.status == "failed" for report in reports):
                break
        return Verdict.of(reports, skipped=skipped)


def _sandbox_of(validators: Sequence[Validator]) -> Sandbox | None:
    found = (getattr(validator, "sandbox", None) for validator in validators)
    return next((sandbox for sandbox in found if isinstance(sandbox, Sandbox)), None)


def _nothing_to_do(validator: Validator, workspace: Workspace) -> str | None:
    """Why a validator has nothing to check here; an optional method of validators."""
    ask = getattr(validator, "nothing_to_check", None)
    return ask(workspace) if ask is not None else None


async def _together(group: Sequence[Validator], examination: Examination) -> list[Report]:
    async with asyncio.TaskGroup() as running:
        tasks = [running.create_task(examination.report(validator)) for validator in group]
    return [task.result() for task in tasks]


def _rejected(error: RejectedCandidateError) -> Report:
    found = Diagnostic(message=error.message, code="workspace", path=error.path)
    return Report(name="workspace", status="failed", diagnostics=(found,))
