"""`pytest`: the task's tests on the answer, with a verdict that takes more than an exit code to forge."""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import Field

from cascade.errors import SandboxError
from cascade.types import Report
from cascade.validators import cold
from cascade.validators.expected_tests import defined_tests, still_expected
from cascade.validators.installed import is_installed, not_installed
from cascade.validators.interpreter import Interpreter, of_workspace
from cascade.validators.options import Options, room, said
from cascade.validators.paths import is_test
from cascade.validators.pytest_config import config_for
from cascade.validators.requirements import install_line
from cascade.validators.sandbox import Completed, Kind, Limits, Room, Sandbox
from cascade.validators.test_run import Records, read_records, summarize
from cascade.validators.testing_report import judge
from cascade.validators.workspace import Workspace

KIND = Kind("pytest")
# Seconds that a repository's own suite may take where no baseline says how long it takes.
SUITE_S = 60.0


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
        self._cold: set[Interpreter] = set()

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
        if workspace.task.workspace is not None and config_for(workspace, ()):
            return None
        return "the task brings no tests"

    async def check(self, workspace: Workspace) -> Report:
        """failed if a test failed, did not run, or the run ended before its end was reported.

        unchecked if the tests could not be run for a reason that is not the answer's: no isolation, no tests
        collected, a module, a plug-in or an option that the tests need and that is not installed; and if they
        imported something else than the answer.
        """
        python = await asyncio.to_thread(of_workspace, workspace)
        if python is None and not is_installed("pytest"):
            return not_installed("pytest", name=self.name)
        if python is not None and not python.pytest:
            line = install_line(("pytest",), workspace.project.python)
            detail = f"{workspace.project.python}: No module named pytest; install it: {line}"
            return Report(name=self.name, status="unchecked", detail=detail)
        expected = defined_tests(workspace, workspace.select or self._options.select)
        done, records = await self._observe(workspace, python)
        if done.ended == "lost":
            return Report(name=self.name, status="unchecked", detail=done.detail)
        if not records.of("begin") and done.ended == "exit":
            return Report(name=self.name, status="unchecked", detail=f"pytest broke: {said(done)}")
        run = summarize(records)
        expected = still_expected(expected, run, chosen=not self._selected(workspace))
        interpreter = workspace.project.python
        return judge(self.name, done, records, workspace, expected=expected, python=interpreter)

    async def _observe(self, workspace: Workspace, python: Interpreter | None) -> tuple[Completed, Records]:
        """Run the tests: how the run ended, and what it reported (`summarize` reads it by test).

        Raises:
            SandboxError: nothing isolates here.
        """
        self.sandbox.require_isolation()
        nonce = secrets.token_hex(16)
        limits = self._limits(workspace)
        payload = {**self._payload(workspace), "wall_s": limits.wall_s, "nonce": nonce}
        payload["autoload"] = python is not None
        place = room(workspace, limits)
        if python is None:
            done = await self.sandbox.job(KIND, "pytest", payload, place)
        else:
            place = replace(place, env={**place.env, **python.environment})
            done = await self._in_project(python, payload, place)
        return done, read_records(done.report, nonce)

    async def _in_project(self, python: Interpreter, payload: dict[str, Any], place: Room) -> Completed:
        """In a fork of the project's interpreter; where no server runs in it, in one started for this run."""
        if python.is_warm and python not in self._cold:
            try:
                return await self.sandbox.job(_kind_of(python), "pytest", payload, place)
            except SandboxError:
                self._cold.add(python)
        if self._options.apart:
            raise SandboxError(
                f"`apart` needs Python 3.9 and pytest 7 or later; this is Python {python.version}, "
                f"pytest {python.pytest}",
                hint="leave `apart` out, or use a newer environment",
            )
        place = replace(place, stdin=cold.message(payload), readable=tuple(map(Path, python.places)))
        return await self.sandbox.execute(cold.command(python.executable), place, reports=True)

    def _payload(self, workspace: Workspace) -> dict[str, Any]:
        options = self._options
        select = self._selected(workspace)
        config, conftest = config_for(workspace, select), _brings_conftest(workspace)
        own = workspace.task.workspace is not None or options.arguments or options.plugins
        return {
            "root": str(workspace.root),
            "scratch": str(workspace.scratch),
            "original": workspace.task.workspace and os.path.realpath(workspace.task.workspace),
            "roots": list(workspace.roots),
            "tests": [path for path in workspace.tests if path.endswith(".py")],
            "select": select,
            "config": config,
            "conftest": conftest,
            "rules": bool(own or config or conftest),
            "apart": options.apart,
            "compiles": workspace.compiles and not options.apart,
            "answer": list(workspace.touched),
            "plugins": list(options.plugins),
            "options": [*options.arguments, *_left_out(workspace)],
        }

    def _selected(self, workspace: Workspace) -> list[str]:
        """What pytest is given to run; nothing where the project's own rules say what is a test."""
        wanted = workspace.select or self._options.select
        if wanted:
            return list(wanted)
        if workspace.task.workspace is not None and not workspace.task.tests:
            return []
        tests = [path for path in workspace.tests if path.endswith(".py")]
        return list(
            dict.fromkeys([*([path for path in tests if is_test(path)] or tests), *_named(workspace)])
        )

    def _limits(self, workspace: Workspace) -> Limits:
        usual, options = self.sandbox.limits, self._options
        whole = SUITE_S if workspace.task.workspace is not None else 0.0
        wall_s = options.timeout_s or max(usual.wall_s, workspace.wall_s or whole)
        memory_mb = usual.memory_mb if options.memory_mb is None else options.memory_mb
        return replace(usual, wall_s=wall_s, cpu_s=max(usual.cpu_s, int(wall_s)), memory_mb=memory_mb)


def _kind_of(python: Interpreter) -> Kind:
    # Another pytest in the same place is another server.
    return Kind("pytest", flags=(python.pytest,), python=python.executable, places=python.places)


def _named(workspace: Workspace) -> list[str]:
    """The files of the tests that the task names by id."""
    files = (test.split("::", 1)[0] for test in (*workspace.task.fail_to_pass, *workspace.task.pass_to_pass))
    return [path for path in files if workspace.read(path) is not None]


def _left_out(workspace: Workspace) -> list[str]:
    """Options by which pytest does not collect what is run apart."""
    own = (path for path in workspace.left_out if path not in workspace.given)
    return [f"--ignore={workspace.root / path}" for path in own]


def _brings_conftest(workspace: Workspace) -> bool:
    """True if the task brought one; those of the answer are not written."""
    if any(PurePosixPath(path).name == "conftest.py" for path in (*workspace.tests, *workspace.task.files)):
        return True
    return workspace.task.workspace is not None and any(workspace.root.rglob("conftest.py"))
