"""Tests that must run, as the text of the test files shows: for tasks that have no baseline to say so."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch

from cascade.validators.paths import is_test
from cascade.validators.test_run import TestRun
from cascade.validators.workspace import Workspace

Function = (ast.FunctionDef, ast.AsyncFunctionDef)


def defined_tests(workspace: Workspace, select: Sequence[str] = ()) -> list[str]:
    """Node ids of the functions that the test files define, read before they are run.

    With `select` only what lies under one of its files, folders or node ids. Fixtures, and what `__test__` takes
    out, are no tests.
    """
    found = []
    for path in workspace.tests:
        if is_test(path):
            found += [f"{path}::{name}" for name in _functions(workspace.read(path) or "")]
    return [test for test in found if not select or any(_under(test, one) for one in select)]


def still_expected(tests: Sequence[str], run: TestRun, *, chosen: bool) -> list[str]:
    """Those that the project's rules leave in: its names of tests and, if it chose the files, those files."""
    return [
        test
        for test in tests
        if _is_named(test.rpartition("::")[2], run.functions)
        and (not chosen or test.split("::")[0] in run.files)
    ]


def _is_named(name: str, patterns: Sequence[str]) -> bool:
    return any(name.startswith(pattern) or fnmatch(name, pattern) for pattern in patterns)


def _functions(text: str) -> Iterator[str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    out = {_excluded(node) for node in tree.body}
    if "" in out:
        return
    for node in tree.body:
        if isinstance(node, Function) and node.name.startswith("test") and node.name not in out:
            yield node.name


def _excluded(node: ast.stmt) -> str | None:
    """The name that a statement takes out of the tests; empty for the whole file, None for nothing."""
    if isinstance(node, Function):
        return node.name if any("fixture" in ast.unparse(one) for one in node.decorator_list) else None
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Constant) or node.value.value:
        return None
    target = node.targets[0]
    if isinstance(target, ast.Name) and target.id == "__test__":
        return ""
    if isinstance(target, ast.Attribute) and target.attr == "__test__" and isinstance(target.value, ast.Name):
        return target.value.id
    return None


def _under(test: str, selected: str) -> bool:
    return test == selected.split("[", 1)[0] or test.startswith((f"{selected}::", f"{selected.rstrip('/')}/"))
