"""`ruff`: what is wrong whatever the style is an error, style is a warning."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from cascade.types import Diagnostic, Report
from cascade.validators.installed import find_tool, not_installed
from cascade.validators.options import (
    Options,
    Weight,
    Weights,
    room,
    said,
    severity_of,
    status_of,
    unfinished,
)
from cascade.validators.sandbox import Limits, Sandbox
from cascade.validators.workspace import Workspace

# Rules whose finding raises, or cannot be meant, whenever the line is reached (docs.astral.sh/ruff/rules).
BROKEN: Weights = dict.fromkeys(
    (
        "invalid-syntax*",
        "E9*",
        "F50[1-9]",
        "F52[1-5]",
        "F62[1-2]",
        "F63[1-4]",
        "F70[1-7]",
        "F82*",
        "PLE*",
        "B002",
        "B016",
        "B029",
    ),
    "error",
)
SELECT = ("E9", "F", "PLE", "B002", "B006", "B008", "B015", "B016", "B018", "B023", "B029", "E7")


class RuffOptions(Options):
    """`select` and `ignore` are ruff's rule selectors, `weights` map patterns of codes to error, warning, info or
    ignore. `noqa` says whether comments in the answer may silence findings."""

    name: str = "ruff"
    select: tuple[str, ...] = SELECT
    ignore: tuple[str, ...] = ()
    weights: Mapping[str, Weight] = Field(default_factory=lambda: dict(BROKEN))
    default: Weight = "warning"
    target_version: str | None = None
    noqa: bool = False
    timeout_s: float = 20.0


class Ruff:
    """Runs `ruff check` isolated from every configuration file, on the answer's files only."""

    reads = True
    stage = 1
    compares: Literal["findings"] = "findings"

    def __init__(self, sandbox: Sandbox, options: RuffOptions | None = None) -> None:
        self.sandbox = sandbox
        self._options = options or RuffOptions()
        self.name = self._options.name

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
        """failed if a finding weighs as error; unchecked if ruff is missing or breaks."""
        program = find_tool("ruff")
        if program is None:
            return not_installed("ruff", name=self.name)
        place = room(workspace, Limits(wall_s=self._options.timeout_s, output_mb=8.0), writable=False)
        done = await self.sandbox.execute(
            [program, *self._arguments(), *workspace.files(".py", ".pyi")], place
        )
        if done.ended != "exit":
            return unfinished(self.name, done)
        try:
            records = json.loads(done.stdout) if done.returncode in (0, 1) else None
        except ValueError:
            records = None
        if not isinstance(records, list):
            return Report(name=self.name, status="unchecked", detail=f"ruff broke: {said(done)}")
        listed = (self._diagnostic(record, workspace) for record in records)
        found = tuple(diagnostic for diagnostic in listed if diagnostic is not None)
        return Report(name=self.name, status=status_of(found), diagnostics=found)

    def _arguments(self) -> list[str]:
        options = self._options
        version = options.target_version or f"py3{sys.version_info.minor}"
        arguments = ["check", "--isolated", "--no-cache", "--no-fix", "--output-format", "json", "--quiet"]
        arguments += ["--select", ",".join(options.select), "--target-version", version]
        arguments += ["--ignore", ",".join(options.ignore)] if options.ignore else []
        arguments += [] if options.noqa else ["--ignore-noqa"]
        return [*arguments, "--"]

    def _diagnostic(self, record: Mapping[str, Any], workspace: Workspace) -> Diagnostic | None:
        code = str(record.get("code") or "invalid-syntax")
        severity = severity_of(code, self._options.weights, default=self._options.default)
        if severity is None:
            return None
        place = record.get("location") or {}
        path = workspace.relative(str(record["filename"]))
        return Diagnostic(
            message=str(record["message"]),
            code=code,
            severity=severity,
            path=path,
            line=place.get("row"),
            column=place.get("column"),
            source=workspace.source_line(path, place.get("row")),
        )
