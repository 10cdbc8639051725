"""A validator of one's own, in one file: no line of the answer is longer than it should be.

Install it as a package with

    [project.entry-points."cascade.validators"]
    line_length = "line_length_validator:build"

and name it in the config: `validators: [ruff, {use: line_length, limit: 100}]`. No base class is needed: a name, and
`check`. The factory gets the sandbox (for validators that run something: `await sandbox.run([...])`) and the options
of the config entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cascade.types import Diagnostic, Report
from cascade.validators.sandbox import Sandbox
from cascade.validators.workspace import Workspace


@dataclass(frozen=True)
class LineLength:
    """Fails an answer with a line of more than `limit` characters; looks at the answer's own files only."""

    limit: int
    name: str = "line_length"

    async def check(self, workspace: Workspace) -> Report:
        """One diagnostic for each line that is too long."""
        found = [
            Diagnostic(
                message=f"{len(line)} characters, where {self.limit} are allowed",
                code="line-too-long",
                path=path,
                line=number,
                column=self.limit + 1,
                source=line,
            )
            for path in workspace.touched
            for number, line in enumerate((workspace.read(path) or "").splitlines(), start=1)
            if len(line) > self.limit
        ]
        return Report(name=self.name, status="failed" if found else "passed", diagnostics=tuple(found))


def build(sandbox: Sandbox, options: Mapping[str, Any]) -> LineLength:
    """What the entry point names."""
    del sandbox  # nothing is executed
    return LineLength(limit=int(options.get("limit", 100)))
