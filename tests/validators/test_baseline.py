"""What failed or was found before an answer is not held against it; what the answer breaks is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cascade.types import Diagnostic, Report, SuiteRun, Task, TestStatus
from cascade.validators.baseline.findings import without_known
from cascade.validators.baseline.nearest import nearest_first
from cascade.validators.baseline.store import Store
from cascade.validators.baseline.tests import Demands, compared
from cascade.validators.baseline.values import Observed


def run(uncollected: tuple[str, ...] = (), *, complete: bool = True, **tests: TestStatus) -> SuiteRun:
    """A run of tests of `t.py`, by name."""
    named = {f"t.py::{name}": came for name, came in tests.items()}
    return SuiteRun(tests=named, uncollected=uncollected, complete=complete)


def judged(before: Observed | SuiteRun, now: SuiteRun, demands: Demands = Demands()) -> Report:  # noqa: B008
    """The report on the answer whose run is `now`."""
    seen = before if isinstance(before, Observed) else Observed(status="failed", run=before)
    return compared(Report(name="pytest", status="failed", run=now), seen, demands)


@pytest.mark.parametrize(
    ("before", "now", "status"),
    [
        (run(a="passed", b="failed"), run(a="passed", b="failed"), "passed"),
        (run(a="passed", b="failed"), run(a="passed", b="passed"), "passed"),
        (run(a="passed", b="passed"), run(a="passed", b="failed"), "failed"),
        (run(a="passed", b="passed"), run(a="passed"), "failed"),
        (run(a="passed", b="skipped"), run(a="passed", b="failed"), "failed"),
        (run(a="passed"), run(a="passed", b="failed"), "failed"),
        (run(a="passed"), run(("u.py",), a="passed"), "failed"),
        (run(("u.py",), a="passed"), run(("u.py",), a="passed"), "passed"),
        (run(("t.py",), x="passed"), run(x="passed", b="failed"), "passed"),
        (run(a="failed"), run(a="failed"), "failed"),
        (run(("t.py",)), run(("t.py",)), "unchecked"),
    ],
)
def test_a_test_counts_by_what_it_did_before(before: SuiteRun, now: SuiteRun, status: str) -> None:
    assert judged(before, now).status == status


def test_a_flaky_test_says_nothing() -> None:
    before = Observed(status="passed", run=run(a="passed", b="passed"), flaky=("t.py::b",))
    report = judged(before, run(a="passed", b="failed"))
    assert report.status == "passed"
    assert "flaky, left out: t.py::b" in (report.detail or "")


def test_what_has_to_pass_has_to_pass_whatever_it_did_before() -> None:
    before, now = run(a="passed", b="failed", c="failed"), run(a="passed", b="failed", c="failed")
    task = Task(prompt="", fail_to_pass=("t.py::b",))
    report = judged(before, now, Demands.of(task))
    assert report.status == "failed"
    assert report.changes is not None
    assert report.changes.unfixed == ("t.py::b",)
    assert judged(before, run(a="passed", b="passed", c="failed"), Demands.of(task)).status == "passed"
    gone = judged(before, run(a="passed", c="failed"), Demands.of(task))
    assert gone.status == "failed", "a test that had to pass and is not there does not pass"


def test_a_tasks_own_tests_have_to_pass() -> None:
    demands = Demands.of(Task(prompt="", tests={"t.py": ""}))
    assert judged(run(a="failed", b="passed"), run(a="failed", b="passed"), demands).status == "failed"


def test_only_the_broken_tests_are_explained() -> None:
    old, new = (Diagnostic(message=f"assert {n}", test=f"t.py::{n}") for n in ("old", "new"))
    report = Report(
        name="pytest", status="failed", diagnostics=(old, new), run=run(old="failed", new="failed")
    )
    seen = Observed(status="failed", run=run(old="failed", new="passed"))
    assert compared(report, seen, Demands()).diagnostics == (new,)


def finding(line: int, source: str, message: str = "Undefined name `x`") -> Diagnostic:
    return Diagnostic(path="a.py", line=line, code="F821", message=message, source=source)


def known(old: str, new: str, before: list[Diagnostic], now: list[Diagnostic]) -> Report:
    """What is left of the findings `now`."""
    report = Report(name="ruff", status="failed", diagnostics=tuple(now))
    seen = Observed(status="failed", diagnostics=tuple(before))
    return without_known(report, seen, touched=("a.py",), old=lambda _: old, new=lambda _: new)


def test_a_finding_that_was_there_before_is_no_fault_though_its_line_moved() -> None:
    report = known("x\n", "y = 1\nx\n", [finding(1, "x")], [finding(2, "    x")])
    assert (report.status, report.diagnostics) == ("passed", ())


def test_each_earlier_finding_excuses_one() -> None:
    now = [finding(1, "x"), finding(2, "x")]
    report = known("x\n", "x\nx\n", [finding(1, "x")], now)
    assert (report.status, len(report.diagnostics)) == ("failed", 1)


def test_a_finding_on_an_edited_line_is_the_same_and_one_elsewhere_is_not() -> None:
    old = "a = 1\nprint(x)\nb = 2\n"
    edited = known(old, "a = 1\nprint(x, 1)\nb = 2\n", [finding(2, "print(x)")], [finding(2, "print(x, 1)")])
    assert edited.status == "passed"
    moved = known(old, "a = 1\nb = 2\nreturn_(x)\n", [finding(2, "print(x)")], [finding(3, "return_(x)")])
    assert moved.status == "failed"


def test_a_touched_file_that_does_not_parse_is_never_excused() -> None:
    broken = replace(finding(1, "def ("), code="invalid-syntax", message="bad")
    assert known("def (\n", "def (\n", [broken], [broken]).status == "failed"


def test_the_tests_of_the_changed_module_come_first() -> None:
    texts = {
        "tests/test_a.py": "import pkg",
        "tests/test_b.py": "from pkg.core import x",
        "tests/test_core.py": "",
    }
    assert nearest_first(tuple(texts), ["src/pkg/core.py"], texts.get) == (
        "tests/test_core.py",
        "tests/test_b.py",
        "tests/test_a.py",
    )


def test_what_was_kept_is_read_again_and_not_from_a_folder_that_others_can_write(tmp_path: Path) -> None:
    store = Store(tmp_path / "kept")
    seen = Observed(status="failed", run=run(a="passed"), flaky=("t.py::b",))
    store.write("k", seen)
    assert store.read("k") == seen
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700
    (tmp_path / "kept" / "k.json").write_text("{")
    assert store.read("k") is None
    store.write("k", seen)
    (tmp_path / "kept").chmod(0o777)
    assert store.read("k") is None
