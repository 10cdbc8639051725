"""`pytest`: the task's tests on the answer, with a verdict that takes more than an exit code to forge."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import Field

from cascade.types import Report
from cascade.validators.installed import is_installed, not_installed
from cascade.validators.options import Options, room, said
from cascade.validators.paths import is_test
from cascade.validators.sandbox import Kind, Limits, Sandbox
from cascade.validators.testing_report import Records, defined_tests, judge, read_records
from cascade.validators.workspace import Workspace

CONFIGS = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")


class PytestOptions(Options):
    """`timeout_s` and `memory_mb` are the sandbox's limits if not given. `select` names test files, folders or node
    ids to run instead of all of the task's tests; `plugins` are loaded by name, as none is by itself; `arguments`
    are passed on to pytest. `apart` runs the answer in another process than the asserts: docs/validators.md says
    what that stops and what it cannot run.
    """

    name: str = "pytest"
    timeout_s: float | None = Field(default=None, gt=0, le=3600)
    memory_mb: int | None = Field(default=None, ge=64)
    select: tuple[str, ...] = ()
    apart: bool = False
    plugins: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


class Pytest:
    """Runs the tests in a fork of a warm interpreter, in the sandbox; refuses where nothing isolates."""

    stage = 2
    compares: Literal["tests"] = "tests"

    def __init__(self, sandbox: Sandbox, options: PytestOptions | None = None) -> None:
        self.sandbox = sandbox
        self._options = options or PytestOptions()
        self.name = self._options.name
        self._kind = Kind("pytest")

    @property
    def fingerprint(self) -> str:
        """What its verdict depends on apart from the workspace: its options and the sandbox's limits."""
        return f"{self._options!r} {self.sandbox.limits!r}"

    def looks_at(self, path: str) -> bool:
        """Whether a file of this name may matter to a test: any may."""
        return bool(path)

    def nothing_to_check(self, workspace: Workspace) -> str | None:
        """Why there is nothing to do, if so."""
        if self._options.select or any(path.endswith(".py") for path in workspace.tests):
            return None
        return "the task brings no tests"

    async def check(self, workspace: Workspace) -> Report:
        """failed if a test failed, did not run, or the run ended before its end was reported.

        unchecked if the tests could not be run for a reason that is not the answer's: no isolation, no tests
        collected, a module that the tests need and that is not installed.
        """
        if not is_installed("pytest"):
            return not_installed("pytest", name=self.name)
        self.sandbox.require_isolation()
        options = self._options
        nonce = secrets.token_hex(16)
        tests = [path for path in workspace.tests if path.endswith(".py")]
        limits = self._limits(workspace)
        payload = {
            "root": str(workspace.root),
            "scratch": str(workspace.scratch),
            "tests": tests,
            "select": list(workspace.select or options.select)
            or [path for path in tests if is_test(path)]
            or tests,
            "config": _task_config(workspace),
            "conftest": _brings_conftest(workspace),
            "apart": options.apart,
            "answer": list(workspace.touched),
            "plugins": list(options.plugins),
            "options": [*options.arguments, *_left_out(workspace)],
            "wall_s": limits.wall_s,
            "nonce": nonce,
        }
        expected = defined_tests(workspace, workspace.select or options.select)
        done = await self.sandbox.job(self._kind, "pytest", payload, room(workspace, limits))
        if done.ended == "lost":
            return Report(name=self.name, status="unchecked", detail=done.detail)
        records: Records = read_records(done.report, nonce)
        if not records.of("begin") and done.ended == "exit":
            return Report(name=self.name, status="unchecked", detail=f"pytest broke: {said(done)}")
        return judge(self.name, done, records, workspace, expected=expected)

    def _limits(self, workspace: Workspace) -> Limits:
        usual, options = self.sandbox.limits, self._options
        wall_s = max(usual.wall_s, workspace.wall_s or 0) if options.timeout_s is None else options.timeout_s
        memory_mb = usual.memory_mb if options.memory_mb is None else options.memory_mb
        return replace(usual, wall_s=wall_s, cpu_s=max(usual.cpu_s, int(wall_s)), memory_mb=memory_mb)


def _left_out(workspace: Workspace) -> list[str]:
    """Options by which pytest does not collect what is run apart."""
    own = (path for path in workspace.left_out if path not in workspace.given)
    return [f"--ignore={workspace.root / path}" for path in own]


def _brings_conftest(workspace: Workspace) -> bool:
    """True if the task brought one; those of the answer are not written."""
    if any(PurePosixPath(path).name == "conftest.py" for path in (*workspace.tests, *workspace.task.files)):
        return True
    return workspace.task.workspace is not None and any(workspace.root.rglob("conftest.py"))


def _task_config(workspace: Workspace) -> str:
    """The pytest configuration that the task brought and the answer left alone; empty for none."""
    given = {*workspace.task.files, *workspace.task.tests}
    for name in CONFIGS:
        path = Path(workspace.root) / name
        from_task = name in given or workspace.task.workspace is not None
        if from_task and name not in workspace.touched and path.is_file() and not path.is_symlink():
            text = path.read_text("utf-8", "replace")
            if name.endswith(".ini") or "[tool.pytest" in text or "[tool:pytest]" in text:
                return str(path)
    return ""
