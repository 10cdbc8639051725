"""`syntax`: every Python file of the answer compiles."""

from __future__ import annotations

import json

from cascade.types import Diagnostic, Report
from cascade.validators.options import Options, room, said, status_of, unfinished
from cascade.validators.sandbox import Limits, Sandbox
from cascade.validators.sandbox.sandbox import LAUNCHER
from cascade.validators.workspace import Workspace


class SyntaxOptions(Options):
    """Nothing but the name can be chosen."""

    name: str = "syntax"
    timeout_s: float = 10.0


class Syntax:
    """Compiles with the interpreter that the library runs on, in a child of its own."""

    reads = True
    stage = 0

    def __init__(self, sandbox: Sandbox, options: SyntaxOptions | None = None) -> None:
        self.sandbox = sandbox
        self._options = options or SyntaxOptions()
        self.name = self._options.name

    def nothing_to_check(self, workspace: Workspace) -> str | None:
        """Why there is nothing to do, if so."""
        return None if workspace.files(".py", ".pyi") else "the answer has no Python file"

    async def check(self, workspace: Workspace) -> Report:
        """failed with the place of the first error of each file that does not compile."""
        files = list(workspace.files(".py", ".pyi"))
        place = room(workspace, Limits(wall_s=self._options.timeout_s), writable=False)
        done = await self.sandbox.job(LAUNCHER, "syntax", {"files": files}, place)
        records = [json.loads(line) for line in done.report.splitlines()]
        if not records or "done" not in records[-1]:
            report = unfinished(self.name, done)
            return (
                report
                if done.ended != "exit"
                else Report(name=self.name, status="unchecked", detail=said(done))
            )
        found = tuple(self._diagnostic(record, workspace) for record in records[:-1])
        return Report(name=self.name, status=status_of(found), diagnostics=found)

    def _diagnostic(self, record: dict[str, object], workspace: Workspace) -> Diagnostic:
        line = record["line"] if isinstance(record["line"], int) else None
        path = str(record["path"])
        return Diagnostic(
            message=str(record["message"]),
            code="invalid-syntax",
            path=path,
            line=line,
            column=record["column"] if isinstance(record["column"], int) else None,
            source=workspace.source_line(path, line),
        )
