"""Parsing: the compiler is C code on hostile text, so that it too runs in a child."""

# ruff: noqa: PTH123
# Paths are plain strings here: pathlib would be loaded into every candidate.
from __future__ import annotations

import json
import os
import warnings
from typing import Any


def job(payload: dict[str, Any], report: int) -> None:
    """Compile `payload["files"]`; report one line for each that does not compile."""
    warnings.simplefilter("ignore")
    lines = []
    for path in payload["files"]:
        found = fault(path)
        if found:
            lines.append(json.dumps({"path": path, **found}))
    lines.append(json.dumps({"done": True}))
    os.write(report, "\n".join(lines).encode("utf-8", "replace"))


def fault(path: str) -> dict[str, Any] | None:
    """Where and why a file does not compile; None if it does."""
    try:
        with open(path, "rb") as file:
            compile(file.read(), path, "exec", dont_inherit=True)
    except SyntaxError as error:
        # A column of 0 or None says that the parser knows only the line.
        return {"line": error.lineno, "column": error.offset or None, "message": error.msg}
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return {"line": None, "column": None, "message": f"{type(error).__name__}: {error}"}
    return None
