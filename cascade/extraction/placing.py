"""Where an answer's code blocks go: each to its own path, one without a path to the task's target."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from cascade.edits.changes import EditError
from cascade.edits.lines import is_crlf
from cascade.edits.originals import confined_or_none
from cascade.extraction.choose import choose
from cascade.extraction.faults import loose_block, unsafe_path
from cascade.extraction.fences import Block
from cascade.extraction.languages import suffix_of
from cascade.types import Diagnostic, Task

_BOM = "\ufeff"


@dataclass(slots=True)
class Placed:
    """Whole files by path, and blocks that have no place."""

    files: dict[str, str] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)


def place(
    found: Sequence[Block], answer: str, task: Task, originals: Mapping[str, str], *, has_edits: bool = False
) -> Placed:
    """Give each block its file: by its own path, else the best goes to the task's target.

    has_edits: the answer edits files besides, so that a block without a path need not be one.
    """
    placed = Placed()
    loose, versions = _by_path(found, task, placed)
    for path, written in versions.items():
        _write(path, written, originals, placed)
    if not found and not has_edits:
        _bare_code(answer, task, placed)
    target = _target(task, loose, originals)
    if not loose or has_edits or (placed.files and not task.target):
        return placed
    if target is None:
        placed.diagnostics += [loose_block(task)] if task.workspace and not placed.files else []
    elif target not in placed.files:
        _write(target, loose, originals, placed)
    return placed


def _by_path(
    found: Sequence[Block], task: Task, placed: Placed
) -> tuple[list[Block], dict[str, list[Block]]]:
    """The blocks without a path, and the versions of each file."""
    loose: list[Block] = []
    versions: dict[str, list[Block]] = {}
    for block in found:
        if block.path is None:
            loose.append(block)
            continue
        path = confined_or_none(_meant(block.path, task))
        if path is None:
            placed.diagnostics.append(unsafe_path(block.path))
        else:
            versions.setdefault(path, []).append(block)
    return loose, versions


def _meant(path: str, task: Task) -> str:
    """The target where a path is its end, or ends in it: models leave folders out, or put some before."""
    target = task.target
    if target is None or path in task.files or ".." in PurePosixPath(path).parts:
        return path
    same = f"/{target}".endswith(f"/{path}") or f"/{path}".endswith(f"/{target}")
    return target if same else path


def _write(path: str, versions: Sequence[Block], originals: Mapping[str, str], placed: Placed) -> None:
    """One whole file. Its line ends and byte order mark stay as they were."""
    try:
        original = originals.get(path, "")
    except EditError as error:
        placed.diagnostics.append(error.diagnostic("extract.file"))
        return
    text = choose(versions, path, original=original).text
    if is_crlf(original) and "\r" not in text:
        text = text.replace("\n", "\r\n")
    if original.startswith(_BOM) and not text.startswith(_BOM):
        text = _BOM + text
    placed.files[path] = text


def _target(task: Task, loose: Sequence[Block], originals: Mapping[str, str]) -> str | None:
    """Where a block without a path goes: the task's target, its only file, or a name made of the language."""
    if task.target:
        return task.target
    if len(task.files) == 1:
        return next(iter(task.files))
    suffix = next((suffix for block in loose if (suffix := suffix_of(block.language)) is not None), None)
    name = None if suffix is None else f"solution{suffix}"
    return name if name is not None and (task.workspace is None or name in originals) else None


def _bare_code(answer: str, task: Task, placed: Placed) -> None:
    """An answer that is nothing but Python, without a fence, is taken for its target."""
    target = _target(task, (), {})
    if not target or PurePosixPath(target).suffix != ".py":
        return
    try:
        tree = ast.parse(answer)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    if any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign)
        for node in tree.body
    ):
        placed.files[target] = answer
