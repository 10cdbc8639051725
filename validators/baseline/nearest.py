"""Which tests are nearest to a change: for suites that a limit ends before all have run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath

MIN_STEM = 3


def nearest_first(
    test_files: Sequence[str], touched: Iterable[str], read: Callable[[str], str | None]
) -> tuple[str, ...]:
    """The test files, those that are named after a changed file or import it first; else in their own order."""
    modules = [_module(path) for path in touched if path.endswith((".py", ".pyi"))]
    scores = {file: _score(file, modules, read) for file in test_files}
    return tuple(sorted(test_files, key=lambda file: -scores[file]))


def _module(path: str) -> tuple[str, ...]:
    """The parts of a module's name, as far as the path shows it: without `src`, and a package by its folder."""
    parts = list(PurePosixPath(path).with_suffix("").parts)
    parts = parts[1:] if len(parts) > 1 and parts[0] in ("src", "lib") else parts
    return tuple(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def _score(file: str, modules: Sequence[tuple[str, ...]], read: Callable[[str], str | None]) -> int:
    text = read(file) or ""
    return max((_closeness(file, text, module) for module in modules), default=0)


def _closeness(file: str, text: str, module: tuple[str, ...]) -> int:
    """4: named after the module; 3: names it in full; 2: imports its last part; 1: imports its package."""
    last = module[-1].lstrip("_")
    name = PurePosixPath(file).stem
    if name in (f"test_{last}", f"{last}_test"):
        return 4
    if ".".join(module) in text and len(module) > 1:
        return 3
    if len(last) >= MIN_STEM and re.search(
        rf"^\s*(from|import)\b.*\b{re.escape(last)}\b", text, re.MULTILINE
    ):
        return 2
    return int(re.search(rf"^\s*(from|import)\s+{re.escape(module[0])}\b", text, re.MULTILINE) is not None)
