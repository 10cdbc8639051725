"""The pytest plug-in that reports what was collected, what came of each test, and what pytest refused."""

# ruff: noqa: PTH118
# Paths are plain strings here: pathlib would be loaded into every candidate. Runs on Python 3.7 and later.
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any

import pytest

from cascade.validators.inside import layout
from cascade.validators.inside.refusals import Refusals
from cascade.validators.inside.shown import MAX_TEXT, PLACE, describe_call, text_of

MAX_PATH = 300
MAX_FAILURES = 20


class Recorder:
    """Reports to `put`; pytest's exit code is not what counts.

    Each record has an `event`: docs/validators.md lists them. Tests are named as pytest prints them; `tested`
    names them by their position in `collected` where it can.
    """

    def __init__(self, payload: dict[str, Any], put: Callable[[dict[str, Any]], None]) -> None:
        self._root = os.path.realpath(payload["root"])
        self._tests = self._absolute(payload["tests"])
        self._answer = self._absolute(payload["answer"])
        self._places = layout.absolute(self._root, payload["roots"])
        self._put = put
        self._failures = 0
        self._positions: dict[str, int] = {}
        self._by_answer: set[tuple[str, str]] = set()
        self._modules: dict[str, str] = {}
        self._usage = False
        self._refusals = Refusals(payload["scratch"])
        self._refused: dict[str, list[str]] = {}

    def _absolute(self, paths: list[str]) -> set[str]:
        return {os.path.join(self._root, path) for path in paths}

    def begin(self) -> None:
        """The first record: whatever goes wrong from here on is the answer's doing."""
        self._put({"event": "begin", "pytest": pytest.__version__})

    def finish(self, code: int) -> None:
        """The last records: without the end nothing counts."""
        self._look_at_modules()
        self._put({"event": "modules", "files": sorted(self._modules.items())})
        self._put({"event": "end", "code": code, "collected": len(self._positions)})

    @property
    def usage(self) -> bool:
        """True if pytest did not start because of its options, its plug-ins or a conftest.py."""
        return self._usage

    def pytest_addoption(self, parser: Any) -> None:
        """The options of the plug-in that is left out, so that a configuration may hold them."""
        for name in ("faulthandler_timeout", "faulthandler_exit_on_timeout"):
            parser.addini(name, "the sandbox watches the time")

    @pytest.hookimpl(hookwrapper=True)
    def pytest_cmdline_parse(self) -> Iterator[None]:
        """Options, plug-ins and the first conftest.py are read here."""
        self._note((yield))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_load_initial_conftests(self, early_config: Any) -> Iterator[None]:
        """From here on the workspace is imported from first; measuring coverage is no part of a verdict."""
        if hasattr(early_config.known_args_namespace, "no_cov"):
            early_config.known_args_namespace.no_cov = True
        layout.prefer(self._places)
        yield

    @pytest.hookimpl(hookwrapper=True)
    def pytest_cmdline_main(self, config: Any) -> Iterator[None]:
        """All tests run, in this process; a missing file or a wrong expression ends pytest here."""
        option = config.option
        for name, value in (("numprocesses", 0), ("dist", "no"), ("tx", []), ("maxfail", 0)):
            if hasattr(option, name):
                setattr(option, name, value)
        self._put({"event": "rules", "functions": list(config.getini("python_functions"))})
        self._note((yield), only=pytest.UsageError)

    def _note(self, outcome: Any, only: type[Exception] = Exception) -> None:
        """Record what pytest could not start with; a conftest.py that does not import, as a failure."""
        error = outcome.excinfo[1] if outcome.excinfo else None
        if not isinstance(error, only):
            return
        self._usage = True
        if type(error).__name__ == "ConftestImportFailure":
            held = getattr(error, "excinfo", None)
            cause = getattr(error, "cause", None) or (held[1] if held else error.__cause__) or error
            self._put({"event": "failure", "test": "", "when": "conftest", **self._describe(cause)})
        else:
            text = "\n".join(str(part) for part in error.args) or type(error).__name__
            self._put({"event": "usage", "message": text[:MAX_TEXT]})

    def pytest_deselected(self, items: list[Any]) -> None:
        """Tests that the project's options left out."""
        self._put({"event": "deselected", "tests": [item.nodeid for item in items]})

    def pytest_collection_finish(self, session: Any) -> None:
        """The tests that are about to run."""
        names = [item.nodeid for item in session.items]
        self._positions = {name: at for at, name in enumerate(names)}
        self._put({"event": "collected", "tests": names})
        self._look_at_modules()

    def _look_at_modules(self) -> None:
        for name, file in layout.imported(self._places, self._root):
            self._modules.setdefault(name, file)

    def pytest_runtest_logstart(self) -> None:
        """What is refused from here on is refused to this test."""
        self._refusals.start()

    def pytest_runtest_setup(self) -> None:
        """Explain a failed comparison by values and the call that gave them, instead of by a diff of the two."""
        from _pytest.assertion import util

        util._reprcompare = None  # noqa: SLF001  (pytest sets it anew for each test; it has no option for this)

    def pytest_exception_interact(self, node: Any, call: Any, report: Any) -> None:
        """A test, or the import of a test file, ended in an exception."""
        self._failures += 1
        when = getattr(report, "when", "") or "collect"
        error = call.excinfo.value
        if when == "collect":
            error = getattr(error, "__cause__", None) or error
        about = self._describe(error)
        if self._failures > MAX_FAILURES:
            about = {**about, "message": "", "call": None}
        self._put({"event": "failure", "test": node.nodeid, "when": when, **about})

    def pytest_internalerror(self, excinfo: Any) -> None:
        """pytest itself, or one of its plug-ins, broke."""
        self._put({"event": "internal", **self._describe(excinfo.value)})

    def pytest_collectreport(self, report: Any) -> None:
        """A file that could not be collected, or left itself out."""
        if report.failed:
            self._put({"event": "uncollected", "file": report.nodeid})
        elif report.skipped:
            where = report.longrepr[0] if isinstance(report.longrepr, tuple) else ""
            by_answer = not where or os.path.realpath(where) in self._answer
            self._put({"event": "skipped", "file": report.nodeid, "by_answer": by_answer})
        elif report.nodeid.endswith(".py"):
            self._put({"event": "file", "file": report.nodeid})

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Iterator[None]:
        """A skip or an expected failure that came through the answer's own code is the answer's."""
        if call.excinfo is not None and any(self._in_answer(call.excinfo.value)):
            self._by_answer.add((item.nodeid, call.when))
        refused = self._refusals.of(call.excinfo.value) if call.excinfo is not None else []
        if refused:
            self._refused[item.nodeid] = refused
        yield

    def pytest_runtest_logreport(self, report: Any) -> None:
        """One phase of one test."""
        if report.when != "call" and report.passed:
            return
        by_answer = (report.nodeid, report.when) in self._by_answer
        meant = hasattr(report, "wasxfail") and (not by_answer or "xfail" in report.keywords)
        record: dict[str, Any] = {
            "event": "tested",
            "test": self._positions.get(report.nodeid, report.nodeid),
            "outcome": report.outcome,
        }
        if report.when != "call":
            record["when"] = report.when
        if meant:
            record["expected"] = True
        if by_answer:
            record["by_answer"] = True
        if report.failed and report.nodeid in self._refused:
            record["refused"] = self._refused[report.nodeid]
        self._put(record)

    def _in_answer(self, error: BaseException) -> Iterator[bool]:
        trace = error.__traceback__
        while trace is not None:
            yield os.path.realpath(trace.tb_frame.f_code.co_filename) in self._answer
            trace = trace.tb_next

    def _describe(self, error: BaseException) -> dict[str, Any]:
        frames = list(self._frames(error))
        mine = [(frame, line) for frame, line in frames if frame.f_code.co_filename not in self._tests]
        place = frames[-1] if frames else None
        in_tests = place is not None and place[0].f_code.co_filename in self._tests
        found: dict[str, Any] = {
            "type": type(error).__name__,
            "message": text_of(error),
            "path": os.path.relpath(place[0].f_code.co_filename, self._root) if place else None,
            "line": place[1] if place else None,
            "in_tests": in_tests,
            "module": getattr(error, "name", None) if isinstance(error, ImportError) else None,
            "fixture": _fixture(error),
            "call": describe_call(mine[0][0]) if mine and not in_tests else None,
        }
        found.update(self._told(error))
        if isinstance(error, SyntaxError) and error.filename:
            path = os.path.realpath(error.filename)
            if path.startswith(self._root + os.sep):
                found.update(
                    path=os.path.relpath(path, self._root),
                    line=error.lineno,
                    message=error.msg,
                    in_tests=path in self._tests,
                )
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


def _fixture(error: BaseException) -> str | None:
    """The fixture that a test asks for and that no plug-in and no conftest.py has."""
    return str(getattr(error, "argname", "")) if type(error).__name__ == "FixtureLookupError" else None
