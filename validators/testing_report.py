"""From a test run's records to a report: what was seen, what is missing, and whose fault it is."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from cascade.types import Diagnostic, Report, SuiteRun, TestStatus
from cascade.validators.feedback import TEST_CODE
from cascade.validators.paths import is_test
from cascade.validators.requirements import install_line, lacking, of_usage
from cascade.validators.sandbox import Completed
from cascade.validators.test_run import Outcome, Records, TestRun, summarize
from cascade.validators.workspace import Workspace

ADDRESS = re.compile(r"<function ([\w.<>]+) at 0x[0-9a-f]+>|<bound method ([\w.<>]+) of [^>]*>")
FRAME = re.compile(r'File "(?P<path>[^"]+)", line (?P<line>\d+) in (?P<name>\S+)')
MAX_EXPLANATION = 12
KILLED = {
    "memory": "it used too much memory",
    "disk": "it wrote too much to the disk",
    "processes": "it started too many processes",
}


STATUS: Mapping[Outcome, TestStatus] = {
    "passed": "passed", "skipped": "skipped", "xfailed": "skipped", "failed": "failed", "error": "failed",
}  # fmt: skip
# Errors by which a test fails where the sandbox refuses what it needs.
REFUSED = re.compile(
    r"Operation not permitted|Permission denied|Network is unreachable|name resolution|/dev/shm"
    r"|Function not implemented|Cannot assign requested address|Read-only file system|No address associated"
)
REFUSED_TYPES = frozenset({"PermissionError", "gaierror"})


def suite_run(done: Completed, run: TestRun) -> SuiteRun:
    """What came of each test, as far as the records go."""
    errors = {
        str(record["test"]): f"{record.get('type')}: {record.get('message')}"[:200]
        for record in run.failures
        if record.get("type") in REFUSED_TYPES or REFUSED.search(str(record.get("message", "")))
    }
    return SuiteRun(
        tests={test: STATUS[outcome] for test, outcome in run.outcomes.items() if outcome != "missing"},
        collected=len(run.outcomes),
        files=tuple(dict.fromkeys(test.split("::", 1)[0] for test in run.outcomes)),
        uncollected=run.uncollected,
        refused={**errors, **{test: ", ".join(names) for test, names in run.refused.items()}},
        complete=done.ended == "exit" and run.complete,
        wall_s=done.wall_s,
    )


def judge(
    name: str,
    done: Completed,
    records: Records,
    workspace: Workspace,
    *,
    expected: Sequence[str],
    python: str | None = None,
) -> Report:
    """The report: failed, passed, or unchecked with the reason; its `run` holds what came of each test.

    `expected` are tests that must have run, or been left out by the task's own rules. `python` is the interpreter
    that a line which installs something is for.
    """
    run = summarize(records)
    elsewhere = _imported_from_elsewhere(run, workspace)
    if elsewhere:
        # Of such a run nothing can be compared either.
        return Report(name=name, status="unchecked", detail=elsewhere)
    report = _judge(name, done, records, workspace, expected=expected, python=python)
    unused = tuple(_not_imported(run, workspace))
    # Where pytest did not start there is nothing to compare.
    ran = None if run.usage else suite_run(done, run)
    return replace(report, run=ran, diagnostics=(*report.diagnostics, *unused))


def _judge(
    name: str,
    done: Completed,
    records: Records,
    workspace: Workspace,
    *,
    expected: Sequence[str],
    python: str | None,
) -> Report:
    run = summarize(records)
    own, foreign = _sorted_failures(run, workspace)
    reason = _not_to_be_judged(run, workspace, python) if not own else ""
    if foreign and not own:
        reason = reason or _lacking(foreign, python)
    if reason:
        return Report(name=name, status="unchecked", detail=reason)
    failures = [replace(_failure(record, workspace), test=record.get("test") or None) for record in own]
    if done.ended != "exit" or not records.complete:
        failures.append(_cut_short(done, records, workspace))
    else:
        reason = "" if failures else _nothing_ran(run, expected)
        failures += _not_passed(run, expected, explained=bool(failures))
    if reason or failures:
        return _rejection(name, reason, failures)
    passed = sum(outcome == "passed" for outcome in run.outcomes.values())
    detail = f"{passed} of {len(run.outcomes)} tests passed"
    return Report(name=name, status="passed", detail=detail)


def _rejection(name: str, reason: str, failures: Sequence[Diagnostic]) -> Report:
    """unchecked for a reason that is not the answer's, else failed."""
    if reason:
        return Report(name=name, status="unchecked", detail=reason)
    return Report(name=name, status="failed", diagnostics=tuple(failures))


def _not_to_be_judged(run: TestRun, workspace: Workspace, python: str | None) -> str:
    """pytest's own words, if it did not start."""
    if not run.usage:
        return ""
    words = run.usage
    line = install_line(of_usage(words), python)
    said = " ".join(workspace.scrub(words).split())
    return f"pytest: {said}{f'; install it: {line}' if line else ''}"


def _sorted_failures(
    run: TestRun, workspace: Workspace
) -> tuple[list[Mapping[str, Any]], list[tuple[str, str]]]:
    """The failures that count, and for the others what the environment, or the sandbox, does not have."""
    own: list[Mapping[str, Any]] = []
    foreign: list[tuple[str, str]] = []
    for record in run.failures:
        lack = lacking(record, workspace)
        refused = run.refused.get(str(record.get("test")))
        if lack is None and refused:
            lack = (f"the tests need what the sandbox refuses: {', '.join(refused)}", "")
        if lack is None:
            own.append(record)
        else:
            foreign.append(lack)
    return own, foreign


def _lacking(foreign: Sequence[tuple[str, str]], python: str | None) -> str:
    words = "; ".join(dict.fromkeys(text for text, _ in foreign))
    line = install_line(tuple(dict.fromkeys(name for _, name in foreign)), python)
    return f"{words}{f'; install it: {line}' if line else ''}"


def _nothing_ran(run: TestRun, expected: Sequence[str]) -> str:
    """Why no test has passed, if that is not the answer's doing."""
    if run.outcomes:
        silent = all(outcome in {"skipped", "xfailed"} for outcome in run.outcomes.values())
        return "every test was skipped" if silent else ""
    if any(not by_answer for by_answer in run.skipped_files.values()):
        return "the tests skipped themselves"
    if run.deselected and set(expected) <= {_body(test) for test in run.deselected}:
        return "every test was deselected"
    return "" if expected or run.uncollected else "pytest collected no tests"


def _not_passed(run: TestRun, expected: Sequence[str], *, explained: bool) -> list[Diagnostic]:
    """Tests that were collected, or that the task's files define, and that no passing record speaks for."""
    bad = [test for test, outcome in run.outcomes.items() if outcome in {"failed", "error"}]
    missing = [test for test, outcome in run.outcomes.items() if outcome == "missing"]
    seen = {_body(test) for test in (*run.outcomes, *run.deselected)}
    missing += [test for test in expected if test not in seen]
    found = []
    if bad and not explained:
        found.append(_diagnostic("tests did not pass: ", bad, "outcome"))
    if missing and not (explained and run.uncollected):
        found.append(_diagnostic("tests did not run: ", missing, "missing"))
    return found


def _diagnostic(text: str, tests: Sequence[str], code: str) -> Diagnostic:
    return Diagnostic(message=f"{len(set(tests))} {text.rstrip(': ')}", code=f"{TEST_CODE}{code}")


def _body(test: str) -> str:
    """A node id without its parameters."""
    return test.split("[", 1)[0]


def _names(path: str, roots: Sequence[str]) -> Iterator[str]:
    """The names by which a file can be imported."""
    for root in roots:
        inner = path.removeprefix(f"{root}/") if root else path
        if root and inner == path:
            continue
        parts = inner.removesuffix(".py").removesuffix("/__init__").split("/")
        if all(part.isidentifier() for part in parts):
            yield ".".join(parts)


def _code_of(workspace: Workspace) -> list[str]:
    """The answer's Python files that are no tests."""
    return [path for path in workspace.files(".py") if not is_test(path)]


def _imported_from_elsewhere(run: TestRun, workspace: Workspace) -> str:
    """Which file of the answer was not what the tests imported, and what was."""
    for path in _code_of(workspace):
        for name in _names(path, workspace.roots):
            file = run.modules.get(name)
            if file and not file.startswith(f"{workspace.root}/") and name not in sys.stdlib_module_names:
                return f"the tests imported {name} from {_place(file)}, not from the answer ({path})"
    return ""


def _place(file: str) -> str:
    """A short name for where a module was imported from."""
    head, found, _ = file.rpartition("/site-packages/")
    return "site-packages" if found else str(PurePosixPath(head or file).parent)


def _not_imported(run: TestRun, workspace: Workspace) -> Iterator[Diagnostic]:
    """A warning if the tests passed without any of the answer's code."""
    files = _code_of(workspace)
    used = {workspace.relative(file) for file in run.modules.values()}
    if files and run.modules and not used & set(files):
        shown = ", ".join(files[:3]) + (", ..." if len(files) > 3 else "")
        message = f"the tests never imported the answer ({shown}): they say nothing about it"
        yield Diagnostic(message=message, code=f"{TEST_CODE}unused", severity="warning", path=files[0])


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
