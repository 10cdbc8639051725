"""ruff, mypy and pytest: used in whatever release the environment has; a missing one is named with its remedy."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

from cascade.types import Report

TOOLS = ("ruff", "mypy", "pytest")
INSTALL = "pip install 'cascade-router[checks]'"


def find_tool(name: str) -> str | None:
    """A program beside this interpreter (its environment's), else on the PATH."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.is_file() else shutil.which(name)


def is_installed(tool: str) -> bool:
    """Whether a check that needs this tool of `TOOLS` can run: ruff is a program, the others are imported."""
    return (find_tool(tool) if tool == "ruff" else importlib.util.find_spec(tool)) is not None


def not_installed(tool: str, *, name: str) -> Report:
    """What the check `name` reports where its tool is missing."""
    return Report(name=name, status="unchecked", detail=f"{tool} is not installed: {INSTALL}")
