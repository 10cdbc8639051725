"""Changes to a function, a few characters each: some break it, some do not. The same for the same text and seed."""

from __future__ import annotations

import ast
import difflib
import random
from collections.abc import Iterator
from dataclasses import dataclass

SWAPS = {
    ast.Lt: ("<", ">="), ast.GtE: (">=", "<"), ast.Gt: (">", "<="), ast.LtE: ("<=", ">"), ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="), ast.In: (" in ", " not in "), ast.Is: (" is ", " is not "),
}  # fmt: skip
ARITHMETIC = {ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "+")}


@dataclass(frozen=True, slots=True)
class Change:
    """One edited file: its old and its new text, and what was done in which function."""

    path: str
    function: str
    what: str
    old: str
    new: str

    @property
    def patch(self) -> str:
        """As a unified diff."""
        lines = (text.splitlines(keepends=True) for text in (self.old, self.new))
        return "".join(difflib.unified_diff(*lines, f"a/{self.path}", f"b/{self.path}"))


@dataclass(frozen=True, slots=True)
class _Edit:
    """Characters of one line to be replaced, or lines to be put in."""

    line: int
    start: int
    end: int
    text: str
    what: str


def breaking(path: str, text: str, rng: random.Random) -> Iterator[Change]:
    """Edits that probably break a function, in random order."""
    yield from _changes(path, text, rng, _breaks)


def harmless(path: str, text: str, rng: random.Random) -> Iterator[Change]:
    """Edits that change nothing that a caller could see."""
    yield from _changes(path, text, rng, _keeps)


def _changes(path: str, text: str, rng: random.Random, edits: object) -> Iterator[Change]:
    assert callable(edits)
    lines = text.splitlines(keepends=True)
    found = [
        (function.name, edit)
        for function in ast.walk(ast.parse(text))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for edit in edits(function, lines)
    ]
    rng.shuffle(found)
    for name, edit in found:
        new = _applied(lines, edit)
        if new is not None and new != text:
            yield Change(path, name, edit.what, text, new)


def _applied(lines: list[str], edit: _Edit) -> str | None:
    line = lines[edit.line]
    if not line.isascii():
        return None  # the parser's columns count bytes
    changed = [
        *lines[: edit.line],
        line[: edit.start] + edit.text + line[edit.end :],
        *lines[edit.line + 1 :],
    ]
    new = "".join(changed)
    try:
        ast.parse(new)
    except SyntaxError:
        return None
    return new


def _breaks(function: ast.AST, lines: list[str]) -> Iterator[_Edit]:
    for node in ast.walk(function):
        if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
            yield from _between(node.left, node.comparators[0], *SWAPS[type(node.ops[0])], lines)
        elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
            yield from _between(node.left, node.right, *ARITHMETIC[type(node.op)], lines)
        elif isinstance(node, ast.Constant) and type(node.value) is int and node.end_col_offset is not None:
            yield _Edit(
                node.lineno - 1, node.col_offset, node.end_col_offset, str(node.value + 1), "another number"
            )
        elif isinstance(node, ast.Return) and _is_on_one_line(node.value):
            yield _over(node.value, "None", "returns None")


def _between(left: ast.expr, right: ast.expr, old: str, new: str, lines: list[str]) -> Iterator[_Edit]:
    """The operator between two operands of one line."""
    if left.end_lineno != right.lineno or left.end_col_offset is None:
        return
    start = lines[right.lineno - 1].find(old, left.end_col_offset, right.col_offset)
    if start >= 0:
        yield _Edit(right.lineno - 1, start, start + len(old), new, f"{old.strip()} is {new.strip()}")


def _keeps(function: ast.AST, lines: list[str]) -> Iterator[_Edit]:
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and _is_on_one_line(node.value) and _stands_alone(node, lines):
            line = lines[node.lineno - 1]
            indent = line[: node.col_offset]
            value = ast.get_source_segment("".join(lines), node.value) if node.value is not None else "None"
            text = f"{indent}returned = {value}\n{indent}return returned\n"
            yield _Edit(node.lineno - 1, 0, len(line), text, "the result has a name")
        elif isinstance(node, ast.If) and _is_on_one_line(node.test):
            value = ast.get_source_segment("".join(lines), node.test)
            yield _over(node.test, f"not (not ({value}))", "a condition is negated twice")


def _stands_alone(node: ast.Return, lines: list[str]) -> bool:
    line = lines[node.lineno - 1]
    return not line[: node.col_offset].strip() and not line[node.end_col_offset :].strip()


def _is_on_one_line(node: ast.expr | None) -> bool:
    return node is not None and node.lineno == node.end_lineno and not isinstance(node, ast.Constant)


def _over(node: ast.expr | None, text: str, what: str) -> _Edit:
    assert node is not None
    assert node.end_col_offset is not None
    return _Edit(node.lineno - 1, node.col_offset, node.end_col_offset, text, what)
