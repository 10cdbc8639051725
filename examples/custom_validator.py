"""A check of your own, without packaging anything: a function named in the config by `module:attribute`.

    python examples/custom_validator.py

As a plug-in for others it gets an entry point: see examples/plugins/.
"""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cascade import Cascade, Task
from cascade.config import load
from cascade.types import Diagnostic, Report
from cascade.validators.sandbox import Sandbox
from cascade.validators.workspace import Workspace


class Documented:
    """Every function must have a docstring."""

    name = "documented"

    async def check(self, workspace: Workspace) -> Report:
        """Diagnostics are what the model is shown with its next attempt."""
        found = tuple(
            Diagnostic(
                path=path, line=node.lineno, code="undocumented", message=f"{node.name} has no docstring."
            )
            for path in workspace.touched
            for node in ast.walk(ast.parse(workspace.candidate.files[path]))
            if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is None
        )
        return Report(name=self.name, status="failed" if found else "passed", diagnostics=found)


def documented(_sandbox: Sandbox, _options: Mapping[str, Any]) -> Documented:
    """What the config names."""
    return Documented()


async def main() -> None:
    """The config of the other examples with one validator more."""
    config = load(Path(__file__).with_name("cascade.yaml"))
    mine = type(config.validators[0])(use=f"{Path(__file__).stem}:documented")
    config = config.model_copy(update={"validators": (*config.validators, mine)})
    async with Cascade.from_config(config) as cascade:
        result = await cascade.run(Task(prompt="Write `double(x)`.", target="double.py"))
    for attempt in result.attempts:
        told = [found.message for found in attempt.verdict.diagnostics] if attempt.verdict else []
        print(f"{attempt.number}. {attempt.tier}: {told or 'passed'}")
    print(result.status)


if __name__ == "__main__":
    asyncio.run(main())
