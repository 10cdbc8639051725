"""`mypy`: names, attributes and calls that cannot work are errors; what types alone suspect is a warning."""

from __future__ import annotations

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from cascade.types import Diagnostic, Report
from cascade.validators.imports import import_statements
from cascade.validators.inside.mypy_job import STANDARD, cache_of
from cascade.validators.installed import is_installed, not_installed
from cascade.validators.interpreter import Interpreter, numbers, of_workspace
from cascade.validators.options import (
    Options,
    Weight,
    Weights,
    said,
    severity_of,
    status_of,
    unfinished,
)
from cascade.validators.sandbox import Kind, Limits, Room, Sandbox
from cascade.validators.workspace import Workspace

BROKEN: Weights = dict.fromkeys(
    ("syntax", "name-defined", "call-arg", "import-not-found", "inline-config"), "error"
)
KNOWN = frozenset(f"import {name}" for name in STANDARD)
# Import statements that one validator learns at most.
MAX_LEARNT = 200
# Older ones do not say where in a way that can be read, or are of Pythons that a server does not run in.
WITH_JSON, MODERN = (1, 11), (3, 9)
FLAGS = ("--check-untyped-defs", "--allow-redefinition", "--no-strict-optional")


class MypyOptions(Options):
    """`flags` are mypy's, `weights` map patterns of error codes to error, warning, info or ignore."""

    name: str = "mypy"
    flags: tuple[str, ...] = FLAGS
    weights: Mapping[str, Weight] = Field(default_factory=lambda: dict(BROKEN))
    default: Weight = "warning"
    timeout_s: float = 60.0


class Mypy:
    """Checks types in a fork of a warm worker, isolated from every configuration file."""

    reads = True
    stage = 1
    compares: Literal["findings"] = "findings"

    def __init__(self, sandbox: Sandbox, options: MypyOptions | None = None) -> None:
        self.sandbox = sandbox
        self._options = options or MypyOptions()
        self.name = self._options.name
        self._learnt: dict[Path, set[str]] = defaultdict(set)

    @property
    def fingerprint(self) -> str:
        """What its findings depend on apart from the workspace."""
        return repr(self._options)

    def looks_at(self, path: str) -> bool:
        """Whether it checks a file of this name."""
        return path.endswith((".py", ".pyi"))

    def nothing_to_check(self, workspace: Workspace) -> str | None:
        """Why there is nothing to do, if so."""
        return None if workspace.files(".py", ".pyi") else "the answer has no Python file"

    async def check(self, workspace: Workspace) -> Report:
        """failed if a finding weighs as error; unchecked if mypy is missing or breaks.

        It is the project's own mypy if its environment has one, else ours, which looks into that environment.
        """
        kind = self._kind(await asyncio.to_thread(of_workspace, workspace))
        if not kind.python and not is_installed("mypy"):
            return not_installed("mypy", name=self.name)
        files = list(workspace.files(".py", ".pyi"))
        cache = Path(cache_of(str(self.sandbox.root), kind.flags))
        await self._learn(files, workspace, kind, cache)
        place = self._room(workspace, writable=(workspace.scratch,), readable=(workspace.root, cache))
        payload = {"root": str(workspace.root), "files": files}
        done = await self.sandbox.job(kind, "mypy", payload, place)
        if done.ended != "exit":
            return unfinished(self.name, done)
        records = _records(done.report)
        if not records or not records[-1].get("end"):
            return Report(name=self.name, status="unchecked", detail=f"mypy broke: {said(done)}")
        findings, end = records[:-1], records[-1]
        if end["status"] not in (0, 1) and not findings:
            return Report(name=self.name, status="unchecked", detail=f"mypy broke: {end['error'][-300:]}")
        listed = (self._diagnostic(record, workspace) for record in findings)
        found = tuple(diagnostic for diagnostic in listed if diagnostic is not None)
        found += tuple(self._inline(workspace))
        return Report(name=self.name, status=status_of(found), diagnostics=found)

    def _kind(self, python: Interpreter | None) -> Kind:
        flags = self._options.flags
        if python is None:
            return Kind("mypy", flags)
        if python.version < MODERN:  # what is installed there cannot be known
            return Kind("mypy", (*flags, "--ignore-missing-imports"))
        flags = (*flags, f"--python-executable={python.executable}")
        own = python.executable if numbers(python.mypy) >= WITH_JSON else ""
        return Kind("mypy", flags, python=own, places=python.places)

    async def _learn(self, files: list[str], workspace: Workspace, kind: Kind, cache: Path) -> None:
        """Have what the answer imports built once, so that later answers find it; only import statements go in."""
        everything = bool(kind.places)  # what is installed there is not known here
        wanted = {
            one
            for path in files
            for one in import_statements(workspace.read(path) or "", workspace.root, everything=everything)
        }
        learnt = self._learnt[cache]
        new = sorted(wanted - learnt - KNOWN)[:MAX_LEARNT]
        if not new or len(learnt) > MAX_LEARNT:
            return
        learnt.update(new)
        place = self._room(workspace, writable=(workspace.scratch, cache), readable=())
        await self.sandbox.job(kind, "learn", {"imports": new, "scratch": str(workspace.scratch)}, place)

    def _room(self, workspace: Workspace, *, writable: tuple[Path, ...], readable: tuple[Path, ...]) -> Room:
        limits = Limits(wall_s=self._options.timeout_s, cpu_s=120, memory_mb=2048, disk_mb=2048)
        search = os.pathsep.join(str(workspace.root / place) for place in workspace.roots if place)
        env = {**workspace.environment, **({"MYPYPATH": search} if search else {})}
        return Room(cwd=workspace.scratch, writable=writable, readable=readable, env=env, limits=limits)

    def _inline(self, workspace: Workspace) -> Iterator[Diagnostic]:
        """Comments by which the answer switches checks off in its own files, unless they were the task's."""
        severity = severity_of("inline-config", self._options.weights, default=self._options.default)
        for path in workspace.files(".py", ".pyi") if severity is not None else ():
            before = workspace.task.files.get(path, "")
            for number, line in enumerate((workspace.read(path) or "").splitlines(), start=1):
                if line.startswith("# mypy:") and line not in before:
                    message = "the answer may not configure the type check"
                    yield Diagnostic(
                        message=message,
                        code="inline-config",
                        severity=severity or "error",
                        path=path,
                        line=number,
                        source=line,
                    )

    def _diagnostic(self, record: Mapping[str, Any], workspace: Workspace) -> Diagnostic | None:
        code = str(record.get("code") or "")
        severity = severity_of(code, self._options.weights, default=self._options.default)
        path = workspace.relative(str(record.get("file", "")))
        if severity is None or record.get("severity") == "note" or path.startswith(("/", "..")):
            return None
        line, column = record.get("line", -1), record.get("column", -1)
        return Diagnostic(
            message=str(record.get("message", "")),
            code=code,
            severity=severity,
            path=path,
            line=line if line > 0 else None,
            column=column + 1 if column >= 0 else None,
            source=workspace.source_line(path, line if line > 0 else None),
        )


def _records(report: bytes) -> list[dict[str, Any]]:
    records = []
    for line in report.decode("utf-8", "replace").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            records.append(record)
    return records
