"""From a test run's records to a report: what was seen, what is missing, and whose fault it is."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from cascade.types import Diagnostic, Report, SuiteRun, TestStatus
from cascade.validators.feedback import TEST_CODE
from cascade.validators.paths import is_test
from cascade.validators.sandbox import Completed
from cascade.validators.workspace import Workspace

ADDRESS = re.compile(r"<function ([\w.<>]+) at 0x[0-9a-f]+>|<bound method ([\w.<>]+) of [^>]*>")
FRAME = re.compile(r'File "(?P<path>[^"]+)", line (?P<line>\d+) in (?P<name>\S+)')
TIMEOUT_MARK = "Timeout ("
MAX_EXPLANATION = 12
KILLED = {
    "memory": "it used too much memory",
    "disk": "it wrote too much to the disk",
    "processes": "it started too many processes",
}


@dataclass(slots=True)
class Records:
    """What came over the channel: events in order, the stack at a timeout, and whether a record was broken."""

    events: list[dict[str, Any]] = field(default_factory=list)
    stack: list[str] = field(default_factory=list)
    broken: bool = False

    def of(self, event: str) -> list[dict[str, Any]]:
        """The events of one kind."""
        return [record for record in self.events if record.get("event") == event]

    @property
    def complete(self) -> bool:
        """True if the end was reported, last and once, and nothing was out of order."""
        ends = self.of("end")
        return not self.broken and len(ends) == 1 and self.events[-1] is ends[0]


def read_records(report: bytes, nonce: str) -> Records:
    """Parse the channel; a record without the nonce or out of number marks the whole as broken."""
    records = Records()
    lines = report.decode("utf-8", "replace").splitlines()
    for index, line in enumerate(lines):
        if line.startswith(TIMEOUT_MARK):
            records.stack = lines[index:]
            break
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict) or record.get("nonce") != nonce:
            records.broken = True
            break
        if record.get("number") != len(records.events):
            records.broken = True
            break
        records.events.append(record)
    return records


# Errors by which a test fails where the sandbox refuses what it needs.
REFUSED = re.compile(
    r"Operation not permitted|Permission denied|Network is unreachable|name resolution|/dev/shm"
    r"|Function not implemented|Cannot assign requested address|Read-only file system|No address associated"
)
REFUSED_TYPES = frozenset({"PermissionError", "gaierror"})


def run_of(done: Completed, records: Records) -> SuiteRun:
    """What came of each test, as far as the records go."""
    tests: dict[str, TestStatus] = {}
    for record in records.of("tested"):
        test, status = str(record["test"]), _status(record)
        if tests.get(test) != "failed":
            tests[test] = status
    refused = {
        str(record["test"]): f"{record.get('type')}: {record.get('message')}"[:200]
        for record in records.of("failure")
        if record.get("type") in REFUSED_TYPES or REFUSED.search(str(record.get("message", "")))
    }
    uncollected = tuple(str(record["file"]) for record in records.of("uncollected"))
    complete = done.ended == "exit" and records.complete
    collected = (str(test) for record in records.of("collected") for test in record["tests"])
    return SuiteRun(
        tests=tests,
        files=tuple(dict.fromkeys(test.split("::", 1)[0] for test in collected)),
        uncollected=uncollected,
        refused=refused,
        complete=complete,
        wall_s=done.wall_s,
    )


def _status(record: Mapping[str, Any]) -> TestStatus:
    if record["outcome"] == "skipped":
        return "skipped" if record["by_tests"] or record["expected"] else "failed"
    return "passed" if record["outcome"] == "passed" else "failed"


def judge(
    name: str, done: Completed, records: Records, workspace: Workspace, *, expected: Sequence[str]
) -> Report:
    """The report: failed, passed, or unchecked with the reason; `run` holds what came of each test."""
    report = _judge(name, done, records, workspace, expected=expected)
    return replace(report, run=run_of(done, records))


def _judge(
    name: str, done: Completed, records: Records, workspace: Workspace, *, expected: Sequence[str]
) -> Report:
    failures = [
        replace(_failure(record, workspace), test=record.get("test")) for record in records.of("failure")
    ]
    foreign = _not_installed(records, workspace)
    if foreign and not [record for record in records.of("failure") if not record.get("module")]:
        return Report(
            name=name, status="unchecked", detail=f"the tests need {foreign!r}, which is not installed"
        )
    if done.ended != "exit" or not records.complete:
        failures.append(_cut_short(done, records, workspace))
        return Report(name=name, status="failed", diagnostics=tuple(failures))
    names = [str(test) for record in records.of("collected") for test in record["tests"]]
    skipped = [record for record in records.of("skipped") if record["by_tests"]]
    if not names and not failures and (skipped or not expected):
        detail = "the tests skipped themselves" if skipped else "pytest collected no tests"
        return Report(name=name, status="unchecked", detail=detail)
    failures += _not_passed(names, records, expected, explained=bool(failures))
    if failures:
        return Report(name=name, status="failed", diagnostics=tuple(failures))
    passed = {record["test"] for record in records.of("tested") if record["outcome"] == "passed"}
    if not passed:
        return Report(name=name, status="unchecked", detail="every test was skipped")
    return Report(name=name, status="passed", detail=f"{len(passed)} of {len(names)} tests passed")


def _not_passed(
    names: Sequence[str], records: Records, expected: Sequence[str], *, explained: bool
) -> list[Diagnostic]:
    """Tests that were collected, or that the task's files define, and that no passing record speaks for."""
    good: set[str] = set()
    bad: list[str] = []
    for record in records.of("tested"):
        test, outcome = str(record["test"]), record["outcome"]
        if outcome == "passed" or (outcome == "skipped" and (record["by_tests"] or record["expected"])):
            good.add(test)
        else:
            bad.append(test)
    missing = [test for test in names if test not in good and test not in bad]
    bodies = {_body(test) for test in names}
    missing += [test for test in expected if test not in bodies]
    found = []
    if bad and not explained:
        found.append(_diagnostic("tests did not pass: ", bad, "outcome"))
    if missing and not (explained and records.of("uncollected")):
        found.append(_diagnostic("tests did not run: ", missing, "missing"))
    return found


def _diagnostic(text: str, tests: Sequence[str], code: str) -> Diagnostic:
    return Diagnostic(message=f"{len(set(tests))} {text.rstrip(': ')}", code=f"{TEST_CODE}{code}")


def _body(test: str) -> str:
    """A node id without its parameters."""
    return test.split("[", 1)[0]


def defined_tests(workspace: Workspace, select: Sequence[str] = ()) -> list[str]:
    """Node ids of the functions that the test files define, as far as their text shows it, before they are run.

    With `select` only what lies under one of its files, folders or node ids.
    """
    found = []
    for path in workspace.tests:
        if not is_test(path):
            continue
        try:
            tree = ast.parse(workspace.read(path) or "")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        found += [f"{path}::{node.name}" for node in functions if node.name.startswith("test")]
    return [test for test in found if not select or any(_under(test, one) for one in select)]


def _under(test: str, selected: str) -> bool:
    return test == _body(selected) or test.startswith((f"{selected}::", f"{selected.rstrip('/')}/"))


def _failure(record: Mapping[str, Any], workspace: Workspace) -> Diagnostic:
    """One exception as a diagnostic, located in the answer if it came through the answer."""
    path, line = record.get("path"), record.get("line")
    in_tests = bool(record.get("in_tests")) or path is None
    kind = str(record.get("type"))
    message = workspace.scrub(str(record.get("message", "")))
    if in_tests and kind in {"AssertionError", "Failed"}:
        return Diagnostic(
            message=_explanation(message, show=workspace.task.show_tests),
            code=f"{TEST_CODE}assert",
            path=path,
            line=line,
            source=workspace.source_line(path, line) if workspace.task.show_tests else None,
        )
    text = f"{kind}: {message}" if message else kind
    if record.get("call"):
        text += f" (in {record['call']})"
    return Diagnostic(
        message=text,
        code=f"{TEST_CODE}error" if in_tests else kind,
        path=path,
        line=line,
        source=workspace.source_line(path, line) if not in_tests or workspace.task.show_tests else None,
    )


def _explanation(message: str, *, show: bool) -> str:
    """pytest's own account of an assertion: the values. The test's message is text of the tests."""
    lines = ADDRESS.sub(lambda match: match[1] or match[2], message).splitlines()
    starts = [index for index, line in enumerate(lines) if line.startswith("assert ")]
    if not starts:
        return message if show and message else "an assertion failed"
    first = 0 if show else starts[0]
    kept = [re.sub(r"^ \+ +", "", line).strip() for line in lines[first : starts[0] + MAX_EXPLANATION]]
    return ", ".join(line for line in kept if line and "<module '" not in line)


def _cut_short(done: Completed, records: Records, workspace: Workspace) -> Diagnostic:
    """Why there is no complete account."""
    if done.ended == "timeout":
        return _timeout(records, workspace, done)
    if done.ended in KILLED:
        return Diagnostic(message=f"the tests were stopped: {KILLED[done.ended]}", code=done.ended)
    if done.ended == "signal":
        return Diagnostic(message=f"the tests were ended by signal {-(done.returncode or 0)}", code="crash")
    reason = "its records were tampered with" if records.broken else "the process ended before its tests did"
    return Diagnostic(message=f"the test run cannot be believed: {reason}", code="incomplete")


def _timeout(records: Records, workspace: Workspace, done: Completed) -> Diagnostic:
    """Where the answer was when its time was over."""
    message = f"the tests did not end within {done.wall_s:.0f} s"
    for line in records.stack:
        match = FRAME.search(line)
        path = workspace.relative(match["path"]) if match else ""
        if match and not path.startswith(("/", "..")) and path not in workspace.tests:
            number = int(match["line"])
            return Diagnostic(
                message=f"{message}; it was in {match['name']}",
                code="timeout",
                path=path,
                line=number,
                source=workspace.source_line(path, number),
            )
    return Diagnostic(message=message, code="timeout")


def _not_installed(records: Records, workspace: Workspace) -> str | None:
    """A module that the tests themselves import, that is missing, and that the answer was not to bring."""
    own = {
        PurePosixPath(path).parts[0].removesuffix(".py")
        for path in (*workspace.task.files, *workspace.touched)
    }
    if workspace.task.target is None:
        return None
    own.add(PurePosixPath(workspace.task.target).parts[0].removesuffix(".py"))
    for record in records.of("failure"):
        module = str(record.get("module") or "").split(".")[0]
        if (
            record.get("type") == "ModuleNotFoundError"
            and record.get("in_tests")
            and module
            and module not in own
        ):
            return module
    return None
