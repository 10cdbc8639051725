"""Tests in a fork of an interpreter that has imported pytest, reported on a private channel.

What counts is not the exit code: every test that was collected must be reported, then the end, each record with
the nonce of this run. An answer that ends the process early, or empties the collection, has no such record.
"""

# ruff: noqa: PTH102, PTH112, PTH118, PTH208
# Paths are plain strings here: pathlib would be loaded into every candidate.
from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any

from cascade.validators.inside import landlock
from cascade.validators.inside.confine import DEVICES
from cascade.validators.inside.remote import PLACE, Finder, Line, modules_of
from cascade.validators.inside.solution import become_solution, describe_call

# Imported once, so that a run does not pay for them.
COMMON = (
    "bisect", "cmath", "collections", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools",
    "hashlib", "heapq", "itertools", "json", "math", "operator", "random", "re", "statistics", "string", "textwrap",
    "typing", "unittest",
)  # fmt: skip
MARGIN_S = 0.4
MAX_TEXT = 1200
MAX_PATH = 300
MAX_FAILURES = 20
OPTIONS = ("-q", "-q", "--tb=no", "--no-header", "--no-summary", "--capture=no", "--color=no")
# Plug-ins of pytest's own that a verdict does not need, and that cost time to register.
WITHOUT = (
    "cacheprovider", "debugging", "faulthandler", "junitxml", "pastebin", "setuponly", "setupplan", "stepwise",
    "threadexception", "unraisableexception",
)  # fmt: skip


def prepare(setup: dict[str, Any]) -> None:
    """Import pytest, its own plug-ins and what tests commonly use."""
    del setup
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.dont_write_bytecode = True
    import _pytest.config

    importlib.import_module("pytest")
    for name in (*_pytest.config.default_plugins, "assertion.rewrite", "assertion.util"):
        importlib.import_module(f"_pytest.{name}")
    for name in COMMON:
        importlib.import_module(name)


def job(payload: dict[str, Any], report: int) -> None:
    """Run `payload["tests"]`; the records go to `report`."""
    import pytest

    channel = os.dup(report)
    os.close(report)
    root = payload["root"]
    _forget_ourselves()
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    tempfile.tempdir = None
    if payload["apart"]:
        _set_apart(payload, channel)
    else:
        sys.path.insert(0, root)
    sys.argv = ["pytest"]
    with contextlib.suppress(RuntimeError):  # no thread to be had: then a timeout has no place
        faulthandler.dump_traceback_later(max(0.1, payload["wall_s"] - MARGIN_S), file=channel)
    recorder = Recorder(root, set(payload["tests"]), _writer(channel, payload.pop("nonce")))
    options = [
        *OPTIONS,
        "--rootdir",
        root,
        "--confcutdir",
        root,
        "--basetemp",
        os.path.join(payload["scratch"], "pytest"),
    ]
    for plugin in (*WITHOUT, *(() if payload["config"] or payload["options"] else ("doctest",))):
        options += ["-p", f"no:{plugin}"]
    options += ["-c", payload["config"] or os.devnull]
    options += [] if payload["conftest"] else ["--noconftest"]
    options += ["--import-mode=append"] if payload["apart"] else []
    for plugin in payload["plugins"]:
        options += ["-p", plugin]
    recorder.begin()
    code = pytest.main([*options, *payload["options"], *payload["select"]], plugins=[recorder])
    recorder.finish(int(code))


def _set_apart(payload: dict[str, Any], channel: int) -> None:
    """Give the answer a process of its own, which cannot write the workspace, nor read the tests."""
    ours, theirs = socket.socketpair()
    place = os.path.join(payload["scratch"], "solution")
    os.mkdir(place)
    if os.fork() == 0:
        os.close(channel)
        ours.close()
        os.chdir(place)
        os.environ.update(HOME=place, TMPDIR=place)
        if landlock.abi():
            seen = [
                os.path.join(payload["root"], name)
                for name in _without_tests(payload["root"], payload["tests"])
            ]
            landlock.restrict([*payload["readable"], *seen], [place], DEVICES, [payload["root"]])
        become_solution(theirs, payload["root"])
    theirs.close()
    sys.meta_path.insert(0, Finder(Line(ours), modules_of(payload["answer"])))


def _without_tests(root: str, tests: list[str]) -> list[str]:
    """What lies in the root and holds no test."""
    holding = {path.split("/", 1)[0] for path in tests}
    return [name for name in os.listdir(root) if name not in holding]


def _forget_ourselves() -> None:
    """A candidate may bring modules of our names, and must not find ours."""
    for name in [name for name in sys.modules if name == "cascade" or name.startswith("cascade.")]:
        del sys.modules[name]
    sys.path[:] = [path for path in sys.path if os.path.isdir(path) and not path.endswith("/lib/cascade")]


def _writer(channel: int, nonce: str) -> Callable[[dict[str, Any]], None]:
    """Writes numbered records; the nonce lives in this closure alone."""
    number = 0
    write, dumps = os.write, json.dumps

    def put(record: dict[str, Any]) -> None:
        nonlocal number
        view = memoryview(dumps({**record, "nonce": nonce, "number": number}).encode() + b"\n")
        while view:
            view = view[write(channel, view) :]
        number += 1

    return put


class Recorder:
    """A pytest plug-in that reports what was collected and what came of each test."""

    def __init__(self, root: str, tests: set[str], put: Callable[[dict[str, Any]], None]) -> None:
        self._root = os.path.realpath(root)
        self._tests = {os.path.join(self._root, path) for path in tests}
        self._put = put
        self._failures = 0
        self._collected = 0

    def begin(self) -> None:
        """The first record: whatever goes wrong from here on is the answer's doing."""
        self._put({"event": "begin"})

    def pytest_collection_finish(self, session: Any) -> None:
        """The tests that are about to run."""
        names = [item.nodeid for item in session.items]
        self._collected = len(names)
        self._put({"event": "collected", "tests": names})

    def pytest_runtest_setup(self) -> None:
        """Explain a failed comparison by values and the call that gave them, instead of by a diff of the two."""
        from _pytest.assertion import util

        util._reprcompare = None  # noqa: SLF001  (pytest sets it anew for each test; it has no option for this)

    def pytest_exception_interact(self, node: Any, call: Any, report: Any) -> None:
        """A test, or the import of a test file, ended in an exception."""
        self._failures += 1
        if self._failures <= MAX_FAILURES:
            error = getattr(call.excinfo.value, "__cause__", None) or call.excinfo.value
            if report.when != "collect":
                error = call.excinfo.value
            found = self._describe(error)
            self._put({"event": "failure", "test": node.nodeid, "when": report.when, **found})

    def pytest_collectreport(self, report: Any) -> None:
        """A file that could not be collected."""
        if report.failed:
            self._put({"event": "uncollected", "file": report.nodeid})
        elif report.skipped:
            self._put({"event": "skipped", "file": report.nodeid, "by_tests": self._skipped_by_tests(report)})

    def pytest_runtest_logreport(self, report: Any) -> None:
        """One phase of one test."""
        if report.when == "call" or not report.passed:
            self._put(
                {
                    "event": "tested",
                    "test": report.nodeid,
                    "when": report.when,
                    "outcome": report.outcome,
                    "expected": hasattr(report, "wasxfail") and "xfail" in report.keywords,
                    "by_tests": self._skipped_by_tests(report),
                }
            )

    def _skipped_by_tests(self, report: Any) -> bool:
        """True if the skip was raised in a file of the tests, not in the answer."""
        where = report.longrepr[0] if report.skipped and isinstance(report.longrepr, tuple) else ""
        return bool(where) and os.path.realpath(where) in self._tests

    def finish(self, code: int) -> None:
        """The last record: without it nothing counts."""
        self._put({"event": "end", "code": code, "collected": self._collected})

    def _describe(self, error: BaseException) -> dict[str, Any]:
        frames = list(self._frames(error))
        mine = [(frame, line) for frame, line in frames if frame.f_code.co_filename not in self._tests]
        place = frames[-1] if frames else None
        in_tests = place is not None and place[0].f_code.co_filename in self._tests
        found: dict[str, Any] = {
            "type": type(error).__name__,
            "message": _text(error),
            "path": os.path.relpath(place[0].f_code.co_filename, self._root) if place else None,
            "line": place[1] if place else None,
            "in_tests": in_tests,
            "module": getattr(error, "name", None) if isinstance(error, ImportError) else None,
            "call": describe_call(mine[0][0]) if mine and not in_tests else None,
        }
        found |= self._told(error)
        if isinstance(error, SyntaxError) and error.filename:
            inside = os.path.realpath(error.filename).startswith(self._root + os.sep)
            if inside:
                path = os.path.realpath(error.filename)
                found |= {
                    "path": os.path.relpath(path, self._root),
                    "line": error.lineno,
                    "message": error.msg,
                    "in_tests": path in self._tests,
                }
        return found

    def _told(self, error: BaseException) -> dict[str, Any]:
        """Where an error arose in a solution that runs apart, as its process told it."""
        place = getattr(error, PLACE, None)
        if not isinstance(place, dict) or not isinstance(place.get("path"), str):
            return {}
        line = place.get("line")
        return {
            "path": place["path"][:MAX_PATH],
            "line": line if isinstance(line, int) else None,
            "in_tests": False,
            "call": str(place.get("call"))[:400] if place.get("call") else None,
        }

    def _frames(self, error: BaseException) -> Iterator[tuple[FrameType, int]]:
        """The frames inside the workspace, outermost first."""
        trace: TracebackType | None = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename.startswith(self._root + os.sep):
                yield trace.tb_frame, trace.tb_lineno
            trace = trace.tb_next


def _text(error: BaseException) -> str:
    try:
        return str(error)[:MAX_TEXT]
    except Exception:  # noqa: BLE001  (the candidate's own __str__)
        return "(its text cannot be shown)"
