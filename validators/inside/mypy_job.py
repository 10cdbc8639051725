"""Type checks in forks of an interpreter that has imported mypy and filled its cache with what everyone imports.

The cache is written by the server, on stubs, and by `learn`, on import statements alone; the forks that check answers
can read it and no more, so that nothing of an answer is there for the next.
"""

# ruff: noqa: PTH103, PTH108, PTH118, PTH123, PTH211
# Paths are plain strings here: pathlib would be loaded into every candidate.
from __future__ import annotations

import contextlib
import fcntl
import gc
import hashlib
import json
import os
from typing import Any

STANDARD = (
    "abc", "bisect", "collections", "collections.abc", "contextlib", "copy", "dataclasses", "datetime", "decimal",
    "enum", "fractions", "functools", "heapq", "itertools", "json", "math", "operator", "os", "random", "re",
    "statistics", "string", "sys", "time", "typing", "typing_extensions",
)  # fmt: skip
FLAGS = (
    "--config-file=", "--show-column-numbers", "--show-error-codes", "--output=json", "--no-error-summary",
    "--no-sqlite-cache",
)  # fmt: skip


class _State:
    """What the server prepared; its forks inherit it."""

    arguments: tuple[str, ...] = ()


STATE = _State()


def cache_of(root: str, flags: tuple[str, ...]) -> str:
    """The cache directory for these flags; mypy does not share one between different options."""
    return os.path.join(root, f"mypy-{hashlib.sha256(repr(flags).encode()).hexdigest()[:12]}")


def prepare(setup: dict[str, Any]) -> None:
    """Import mypy, and build the stubs of the standard library with `setup["flags"]` unless that was done before."""
    flags = tuple(setup["flags"])
    cache = cache_of(setup["root"], flags)
    os.umask(0)  # what learns may be another uid
    with contextlib.suppress(OSError):
        os.makedirs(cache, exist_ok=True)
        # mypy notes there which stubs are missing, and breaks if it cannot.
        os.symlink(os.devnull, os.path.join(cache, "missing_stubs"))
    STATE.arguments = (*FLAGS, *flags, "--cache-dir", cache)
    # Not named by the process id: with namespaces each server has the same.
    warm = os.path.join(setup["root"], f"warm_{os.urandom(8).hex()}.py")
    try:
        _check_imports([f"import {name}" for name in STANDARD], warm)
    except OSError:
        STATE.arguments = (*FLAGS, *flags, "--cache-dir", os.devnull)


def learn(payload: dict[str, Any], report: int) -> None:
    """Build the modules that these import statements name, for the checks to come."""
    del report
    os.umask(0)
    _check_imports(payload["imports"], os.path.join(payload["scratch"], "learnt.py"))


def job(payload: dict[str, Any], report: int) -> None:
    """Check `payload["files"]`; the report is mypy's JSON lines and a last record."""
    os.chdir(payload["root"])
    gc.disable()  # the child ends soon, and a collection would copy every page that it shares
    out, err, status = _run(payload["files"])
    end = json.dumps({"end": True, "status": status, "error": err[-2000:]})
    view = memoryview(f"{out.rstrip()}\n{end}\n".encode("utf-8", "replace"))
    while view:
        view = view[os.write(report, view) :]


def _check_imports(statements: list[str], path: str) -> None:
    """Fill the cache, one process at a time: what two write at once does not fit together, and is never used."""
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join([*statements, ""]))
    lock = os.open(os.path.join(STATE.arguments[-1], "lock"), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _run([path])
    finally:
        os.close(lock)
        os.unlink(path)


def _run(files: list[str]) -> tuple[str, str, int]:
    from mypy import api

    return api.run([*STATE.arguments, *files])
