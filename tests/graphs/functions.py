"""Functions that the graphs of the tests call."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.waiting import NEVER_S


def tidy(state: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Puts a first line into every file of the candidate."""
    pending = state["pending"]
    files = {path: f"# tidy\n{text}" for path, text in pending["files"].items()}
    return "done", {"pending": {**pending, "files": files}}


async def judge(state: dict[str, Any]) -> str:
    """Says whether there is anything."""
    return "some" if state["attempts"] else "none"


def fails(state: dict[str, Any]) -> str:
    """Has a fault."""
    raise KeyError(state["task"]["id"])


async def slow(_state: dict[str, Any]) -> str:
    """Takes its time."""
    await asyncio.sleep(NEVER_S)
    return "done"


def unknown(_state: dict[str, Any]) -> str:
    """Returns what was not declared."""
    return "surprise"


def greedy(_state: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Wants to write into the books."""
    return "done", {"started": 0.0}
