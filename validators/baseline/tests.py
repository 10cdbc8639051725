"""Two runs of a test suite beside each other: which failures are the answer's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from cascade.types import Changes, Diagnostic, Report, SuiteRun, Task
from cascade.validators.baseline.values import Observed
from cascade.validators.feedback import TEST_CODE

NAMED = 5
# Of the tests that ran before a limit, the share that has to run with the answer too.
ENOUGH = 0.5
# Diagnostics that count tests over the whole run; a comparison counts anew.
COUNTED = frozenset({f"{TEST_CODE}outcome", f"{TEST_CODE}missing"})
# Said of a run that a limit ended, which is no fault where the untouched workspace's was ended too.
LIMIT = "timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What a task says of its tests."""

    required: tuple[str, ...] = ()
    """Ids that have to pass, whatever they did before."""
    files: tuple[str, ...] = ()
    """Test files of which everything has to pass."""
    show_tests: bool = False

    @classmethod
    def of(cls, task: Task) -> Demands:
        """`fail_to_pass` and `pass_to_pass`; without the former, the tests that the task brings."""
        files = () if task.fail_to_pass else tuple(task.tests)
        return cls(required=(*task.fail_to_pass, *task.pass_to_pass), files=files, show_tests=task.show_tests)

    def ids(self, tests: Iterable[str]) -> set[str]:
        """Those of the tests that have to pass."""
        return {test for test in tests if _file(test) in self.files or self._names(test)}

    def absent(self, tests: Iterable[str]) -> list[str]:
        """Required ids that are none of the tests."""
        bodies = {_body(test) for test in tests} | set(tests)
        return [name for name in self.required if name not in bodies]

    def _names(self, test: str) -> bool:
        return test in self.required or _body(test) in self.required


def compared(report: Report, before: Observed, demands: Demands) -> Report:
    """The report on an answer, by what its tests did without it.

    A test that failed before is no fault; one that passed and fails now, or does not run, is. A report without a
    test run stays as it is.
    """
    if report.run is None or before.run is None:
        return report
    if not before.run.complete and not before.run.tests:
        return _incomparable(report, before)
    if not report.run.complete and not _same_limit(report.run, before.run):
        return _cut_short(report, before)
    changes = changes_of(before, report.run, demands)
    return _judged(report, before, changes, demands)


def changes_of(before: Observed, now: SuiteRun, demands: Demands) -> Changes:
    """Every test whose end says something, by what became of it."""
    assert before.run is not None, "it ran tests"
    earlier = {test: came for test, came in before.run.tests.items() if test not in before.flaky}
    tests = {test: came for test, came in now.tests.items() if test not in before.flaky}
    required = demands.ids({*earlier, *tests})
    unfixed = {test for test in required if tests.get(test) not in ("passed", "skipped")}
    failing = [test for test, came in tests.items() if came == "failed" and test not in required]
    lost = _lost(earlier, now) if now.complete and before.run.complete else []
    return Changes(
        fixed=_those(tests, lambda test: tests[test] == "passed" and earlier.get(test) == "failed"),
        broken=_those(failing, lambda test: earlier.get(test) in ("passed", "skipped")),
        missing=_those(lost, lambda test: test not in required),
        still_failing=_those(failing, lambda test: _failed_before(test, before)),
        new_failing=(
            *_those(failing, lambda test: test not in earlier and not _failed_before(test, before)),
            *_those(now.uncollected, lambda file: _is_news(file, before.run)),
        ),
        unfixed=(*sorted(unfixed), *demands.absent({*tests, *unfixed})),
    )


def _is_news(file: str, before: SuiteRun | None) -> bool:
    """A file that could not be collected, and could before; its lost tests are named already if it had some."""
    had = before is not None and any(_file(test) == file for test in before.tests)
    return before is None or (file not in before.uncollected and not had)


def _lost(earlier: Mapping[str, str], now: SuiteRun) -> list[str]:
    return [test for test, came in earlier.items() if came == "passed" and test not in now.tests]


def _failed_before(test: str, before: Observed) -> bool:
    assert before.run is not None, "it ran tests"
    return before.run.tests.get(test) == "failed" or _file(test) in before.run.uncollected


def _those(tests: Iterable[str], wanted: object) -> tuple[str, ...]:
    assert callable(wanted)
    return tuple(test for test in tests if wanted(test))


def _judged(report: Report, before: Observed, changes: Changes, demands: Demands) -> Report:
    run = report.run
    assert run is not None, "it ran tests"
    faults = (*changes.unfixed, *changes.broken, *changes.missing, *changes.new_failing)
    passed = sum(came == "passed" for came in run.tests.values())
    if faults:
        diagnostics = _explained(_said(report, before), changes, faults, demands)
        return replace(
            report,
            status="failed",
            diagnostics=diagnostics,
            detail=_summary(passed, run, before, changes),
            changes=changes,
        )
    if not passed:
        return _nothing_passes(report, before, changes)
    return replace(
        report,
        status="passed",
        diagnostics=tuple(found for found in report.diagnostics if found.severity == "warning"),
        detail=_summary(passed, run, before, changes),
        changes=changes,
    )


def _said(report: Report, before: Observed) -> tuple[Diagnostic, ...]:
    """What was said of the failures; the reason of a report that blames the surroundings, too."""
    if before.run is not None and not before.run.complete:
        return tuple(found for found in report.diagnostics if found.code != LIMIT)
    if report.status != "unchecked" or not report.detail:
        return report.diagnostics
    return (*report.diagnostics, Diagnostic(message=report.detail, code=f"{TEST_CODE}environment"))


def _explained(
    diagnostics: Sequence[Diagnostic], changes: Changes, faults: Sequence[str], demands: Demands
) -> tuple[Diagnostic, ...]:
    """What was said of the faults, and a count of those of which nothing was said."""
    blamed = set(faults)
    lost = {_file(test) for test in changes.missing}
    kept = [
        found
        for found in diagnostics
        if found.code not in COUNTED and (found.test is None or found.test in blamed or found.test in lost)
    ]
    said = {found.test for found in kept}
    for tests, what, code in (
        (changes.unfixed, "had to pass and do not", "outcome"),
        (changes.broken, "passed without the answer and fail with it", "outcome"),
        (changes.new_failing, "are new and fail", "outcome"),
        (changes.missing, "passed without the answer and do not run with it", "missing"),
    ):
        silent = [test for test in tests if test not in said and _file(test) not in said]
        if silent:
            kept.append(_count(silent, what, code, show=demands.show_tests))
    return tuple(kept)


def _count(tests: Sequence[str], what: str, code: str, *, show: bool) -> Diagnostic:
    names = f": {_named(tests)}" if show else ""
    number = f"{len(tests)} test{'s' * (len(tests) > 1)}"
    return Diagnostic(message=f"{number} {what}{names}", code=f"{TEST_CODE}{code}")


def _named(tests: Sequence[str]) -> str:
    more = len(tests) - NAMED
    return ", ".join(tests[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _summary(passed: int, run: SuiteRun, before: Observed, changes: Changes) -> str:
    parts = [f"{passed} of {max(run.collected, len(run.tests))} tests passed"]
    refused = [test for test in changes.still_failing if test in before.not_runnable]
    failing = [test for test in changes.still_failing if test not in refused]
    if changes.fixed:
        parts.append(f"{len(changes.fixed)} of them failed before")
    if failing:
        parts.append(f"failed before too: {_named(failing)}")
    if refused:
        parts.append(f"cannot run in the sandbox: {_named(refused)}")
    if before.run is not None and before.run.uncollected:
        parts.append(f"could not be collected before either: {_named(before.run.uncollected)}")
    if before.flaky:
        parts.append(f"flaky, left out: {_named(before.flaky)}")
    if not run.complete:
        ran = len(run.tests)
        parts.append(f"the limit of {run.wall_s:.0f} s ended the run after {ran}, the nearest to the change")
    return "; ".join(parts)


def _nothing_passes(report: Report, before: Observed, changes: Changes) -> Report:
    """No test speaks for the answer: failed where tests ran and failed, unchecked where none could run."""
    ran = [test for test in changes.still_failing if test not in before.not_runnable]
    if not ran:
        why = report.detail or f"cannot run here: {_named(before.not_runnable)}"
        detail = f"no test passes on the untouched workspace, and none does with the answer ({why})"
        return replace(report, status="unchecked", detail=detail, changes=changes)
    detail = f"no test passes, neither on the untouched workspace nor with the answer: {_named(ran)}"
    return replace(report, status="failed", detail=detail, changes=changes)


def _same_limit(now: SuiteRun, before: SuiteRun) -> bool:
    """Both were ended by the limit, and the answer's run came far enough to be compared."""
    return not before.complete and len(now.tests) >= ENOUGH * len(before.tests)


def _cut_short(report: Report, before: Observed) -> Report:
    if before.run is not None and before.run.complete:
        return report
    return report if report.status == "failed" else _incomparable(report, before)


def _incomparable(report: Report, before: Observed) -> Report:
    detail = f"the tests did not end on the untouched workspace ({before.detail or 'no reason was given'})"
    return replace(report, status="unchecked", detail=f"{detail}: nothing can be compared")


def _file(test: str) -> str:
    return test.split("::", 1)[0]


def _body(test: str) -> str:
    return test.split("[", 1)[0]
