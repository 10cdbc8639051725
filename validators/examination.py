"""One answer under examination: each validator's report, set beside what it says of the untouched workspace."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from cascade.errors import CascadeError, InputError
from cascade.types import Candidate, Report, Task
from cascade.validators.answer_tests import own_tests, with_own
from cascade.validators.base import Validator
from cascade.validators.baseline.findings import without_known
from cascade.validators.baseline.keeper import Baselines, Comparable, View
from cascade.validators.baseline.nearest import nearest_first
from cascade.validators.baseline.tests import Demands, compared
from cascade.validators.baseline.values import Observed
from cascade.validators.project import Project
from cascade.validators.workspace import Place, Workspace

# A suite with the answer may take this many times as long as without it, and some seconds more.
SLOWER = 4.0
SPARE_S = 20.0


async def report_of(validator: Validator, workspace: Workspace) -> Report:
    """The validator's report; its own crash is `unchecked`."""
    started = time.perf_counter()
    try:
        report = await validator.check(workspace)
    except CascadeError as error:
        report = Report(name=validator.name, status="unchecked", detail=str(error))
    except Exception as error:  # noqa: BLE001  (the boundary to third parties' code: a crash is `unchecked`)
        detail = f"the validator itself failed: {type(error).__name__}: {error}"
        report = Report(name=validator.name, status="unchecked", detail=detail)
    return replace(report, name=validator.name, latency_s=time.perf_counter() - started)


class Examination:
    """The workspaces of one answer, and what is known of them without it. Close it when it is over.

    `workspace` keeps the tests and what configures them from the answer; `handed_out` is the answer as its user
    gets it, for the checks that read.

    Raises:
        InputError: the task's paths are wrong. RejectedCandidateError: the answer's are. StorageError: no space.
    """

    def __init__(
        self, task: Task, candidate: Candidate, *, place: Place, project: Project, baselines: Baselines
    ) -> None:
        self._task = task
        self._candidate = candidate
        self._baselines = baselines
        self._project = project
        self._place = place
        self._state: str | None = None
        # They are run apart: what they do while they are collected must not reach the other tests.
        self._own_tests = own_tests(candidate) if task.workspace is not None else ()
        self.workspace = self._open(handed_out=False)
        self.workspace.left_out = self._own_tests
        self.handed_out = self.workspace
        if set(self.workspace.ignored) & set(candidate.files):
            try:
                self.handed_out = self._open(handed_out=True)
            except BaseException:
                self.workspace.close()
                raise

    def close(self) -> None:
        """Remove the workspaces."""
        self.workspace.close()
        self.handed_out.close()

    def seen_by(self, validator: Validator) -> Workspace:
        """The workspace that a validator is given."""
        return self.handed_out if getattr(validator, "reads", False) else self.workspace

    async def report(self, validator: Validator) -> Report:
        """What the validator says of the answer alone."""
        if not isinstance(validator, Comparable):
            return await report_of(validator, self.seen_by(validator))
        if validator.compares == "tests":
            return await self._tests(validator)
        return await self._findings(validator)

    @property
    def _has_baseline(self) -> bool:
        return self._project.baseline and (self._task.workspace is not None or bool(self._task.files))

    async def _findings(self, validator: Validator) -> Report:
        assert isinstance(validator, Comparable), "it was asked"
        workspace = self.seen_by(validator)
        report = await report_of(validator, workspace)
        if not self._has_baseline or not report.diagnostics:
            return report
        left = report
        for view in await self._views(workspace):
            before = await self._known(validator, view)
            if isinstance(before, str) or before.status == "unchecked":
                left = _uncertain(report, before if isinstance(before, str) else before.detail or "")
                continue
            old, new = self._baselines.reader(self._task), workspace.read
            left = without_known(report, before, touched=workspace.touched, old=old, new=new)
            if left.status == "passed":
                break
        return left

    async def _views(self, workspace: Workspace) -> list[View]:
        """The whole tree, which is known already; then the same files as they were, which is exactly comparable."""
        exact = View(files=await self._existing(workspace))
        return [exact] if self._task.workspace is None else [View(), exact]

    async def _existing(self, workspace: Workspace) -> tuple[str, ...]:
        """The answer's files that were there before."""
        read = self._baselines.reader(self._task)
        return tuple(path for path in workspace.touched if read(path) is not None)

    async def _tests(self, validator: Validator) -> Report:
        if self._task.workspace is None or not self._project.baseline:
            report = await report_of(validator, self.workspace)
            return await self._own(validator, replace(report, run=None))
        before = await self._known(validator, View())
        if isinstance(before, str):
            detail = f"the untouched workspace could not be tested: {before}"
            return Report(name=validator.name, status="unchecked", detail=detail)
        if before.run is not None and before.run.complete:
            self.workspace.wall_s = SLOWER * before.run.wall_s + SPARE_S
        elif before.run is not None and before.run.files:
            before = await self._nearest(validator, before.run.files)
        report = await report_of(validator, self.workspace)
        report = compared(report, before, Demands.of(self._task))
        return await self._own(validator, replace(report, run=None))

    async def _nearest(self, validator: Validator, files: tuple[str, ...]) -> Observed:
        """Both runs begin with the tests nearest to the change, for a suite that does not end within its limit."""
        order = nearest_first(files, self.workspace.touched, self.workspace.read)
        self.workspace.select = order
        before = await self._observed(validator, View(select=order))
        self.workspace.wall_s = before.run.wall_s if before.run is not None else None
        return before

    async def _known(self, validator: Validator, view: View) -> Observed | str:
        """The baseline, or why there is none."""
        try:
            return await self._observed(validator, view)
        except InputError:
            raise
        except CascadeError as error:
            return str(error)

    async def _observed(self, validator: Validator, view: View) -> Observed:
        if self._state is None:
            self._state = await self._baselines.state(self._task)
        return await self._baselines.observed(self._task, validator, view, state=self._state)

    async def _own(self, validator: Validator, report: Report) -> Report:
        """With what the tests say that the answer itself wrote."""
        tests, wanted = self._own_tests, self._project.answer_tests
        if not tests or wanted == "ignore":
            return report
        own = await self._run_own(validator, tests)
        return with_own(report, own, alone=self._is_nothing_but(tests), wanted=wanted)

    async def _run_own(self, validator: Validator, tests: tuple[str, ...]) -> Report:
        """The answer's tests in a workspace of their own, where its `conftest.py` counts too."""
        workspace = await asyncio.to_thread(self._open, handed_out=True)
        try:
            workspace.tests = workspace.select = tests
            workspace.wall_s = self.workspace.wall_s
            return await report_of(validator, workspace)
        finally:
            await asyncio.shield(asyncio.to_thread(workspace.close))

    def _open(self, *, handed_out: bool) -> Workspace:
        return Workspace(
            self._task, self._candidate, place=self._place, project=self._project, handed_out=handed_out
        )

    def _is_nothing_but(self, tests: tuple[str, ...]) -> bool:
        """Whether the tests are what the task asked for."""
        return self._task.target in tests or set(self._candidate.files) <= set(tests)


def _uncertain(report: Report, why: str) -> Report:
    """A failure that may have been there before cannot be held against the answer."""
    if report.status != "failed":
        return report
    detail = f"it failed, and the untouched workspace could not be checked ({why})"
    return replace(report, status="unchecked", detail=detail)
