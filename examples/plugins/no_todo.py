"""A validator: no TODO in what the model wrote. `validators: [syntax, {use: no_todo, words: [TODO, FIXME]}]`

The entry point names a function of the sandbox and the options. This one only reads; a validator that executes
something does it with `await sandbox.run(...)`, never by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cascade.types import Diagnostic, Report
from cascade.validators.sandbox import Sandbox
from cascade.validators.workspace import Workspace


class NoTodo:
    """failed for each line of the answer's files that holds one of the words."""

    name = "no_todo"

    def __init__(self, words: tuple[str, ...]) -> None:
        self._words = words

    def nothing_to_check(self, workspace: Workspace) -> str | None:
        """Optional: why there is nothing to look at, so that it is no part of the verdict."""
        return None if workspace.touched else "the answer writes no files"

    async def check(self, workspace: Workspace) -> Report:
        """Diagnostics are what the model is shown: say where, and what to do."""
        found = tuple(
            Diagnostic(
                path=path,
                line=number,
                code="todo",
                source=line,
                message=f"Finish this instead of leaving a {word}.",
            )
            for path in workspace.touched
            for number, line in enumerate(workspace.candidate.files[path].splitlines(), start=1)
            for word in self._words
            if word in line
        )
        return Report(name=self.name, status="failed" if found else "passed", diagnostics=found)


def no_todo(_sandbox: Sandbox, options: Mapping[str, Any]) -> NoTodo:
    """What the entry point names."""
    return NoTodo(tuple(options.get("words", ("TODO",))))
