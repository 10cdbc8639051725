"""The untouched workspace is observed once for its content, and what was seen decides on every answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from cascade.errors import InputError
from cascade.types import Candidate, Report, SuiteRun, Task, TestStatus, Verdict
from cascade.validators.baseline.store import Store
from cascade.validators.project import Project
from cascade.validators.suite import Suite
from cascade.validators.workspace import Workspace

Came = dict[str, TestStatus]


@dataclass
class ScriptedTests:
    """A suite whose runs are what a function of the workspace says; `seen` are the workspaces' selections."""

    runs: Callable[[Workspace, int], SuiteRun]
    name: str = "pytest"
    compares: Literal["tests"] = "tests"
    fingerprint: str = ""
    seen: list[tuple[str, ...]] = field(default_factory=list)

    def looks_at(self, path: str) -> bool:
        """Any file."""
        return bool(path)

    async def check(self, workspace: Workspace) -> Report:
        """failed if a test failed."""
        self.seen.append(workspace.select)
        await asyncio.sleep(0)
        run = self.runs(workspace, len(self.seen))
        status: Literal["failed", "passed"] = "failed" if "failed" in run.tests.values() else "passed"
        return Report(name=self.name, status=status, run=run)


def came(workspace: Workspace, number: int) -> SuiteRun:
    """One test passes if the workspace says so, one never does."""
    del number
    good = workspace.read("a.py") == "good"
    return SuiteRun(tests={"t.py::a": "passed" if good else "failed", "t.py::old": "failed"}, files=("t.py",))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A workspace in which one of two tests passes."""
    root = tmp_path / "repo"
    root.mkdir()
    (root / "a.py").write_text("good")
    (root / "t.py").write_text("")
    return root


async def verdicts(
    suite: Suite, root: Path, answers: Sequence[str], **task: tuple[str, ...]
) -> list[Verdict]:
    """The verdicts on answers, asked for at once."""
    wanted = Task(prompt="", workspace=str(root), **task)  # type: ignore[arg-type]
    try:
        checks = (suite.check(wanted, Candidate(text="", files={"a.py": text})) for text in answers)
        return list(await asyncio.gather(*checks))
    finally:
        await suite.aclose()


async def test_it_is_observed_once_for_all_answers_and_for_the_next_run(
    repository: Path, tmp_path: Path
) -> None:
    store = Store(tmp_path / "kept")
    tests = ScriptedTests(came)
    found = await verdicts(Suite([tests], baselines=store), repository, ["good", "bad", "good"])
    assert [one.status for one in found] == ["passed", "failed", "passed"]
    assert len(tests.seen) == 2 + 3, "twice to see what is flaky, and once for each answer"
    again = ScriptedTests(came)
    await verdicts(Suite([again], baselines=store), repository, ["good"])
    assert len(again.seen) == 1
    (repository / "t.py").write_text("# other tests")
    changed = ScriptedTests(came)
    await verdicts(Suite([changed], baselines=store), repository, ["good"])
    assert len(changed.seen) == 3


async def test_who_is_cancelled_while_it_is_observed_does_not_take_it_from_the_others(
    repository: Path, tmp_path: Path
) -> None:
    tests = ScriptedTests(came)
    suite = Suite([tests], baselines=Store(tmp_path / "kept"))
    first = asyncio.create_task(suite.baseline(Task(prompt="", workspace=str(repository))))
    while not tests.seen:
        await asyncio.sleep(0)
    first.cancel()
    found = await verdicts(suite, repository, ["good"])
    assert (found[0].status, len(tests.seen)) == ("passed", 3)


async def test_a_test_that_differs_in_two_runs_is_flaky(repository: Path, tmp_path: Path) -> None:
    def flickers(_: Workspace, number: int) -> SuiteRun:
        return SuiteRun(tests={"t.py::a": "passed", "t.py::f": "failed" if number != 1 else "passed"})

    suite = Suite([ScriptedTests(flickers)], baselines=Store(tmp_path / "kept"))
    baseline = await suite.baseline(Task(prompt="", workspace=str(repository)))
    assert baseline.document()["tests"] == {
        "passed": 1, "failed": 0, "flaky": ["t.py::f"], "not_runnable": [], "failing": [], "complete": True,
    }  # fmt: skip
    assert (await verdicts(suite, repository, ["good"]))[0].status == "passed"


async def test_a_project_may_have_no_baseline(repository: Path, tmp_path: Path) -> None:
    tests = ScriptedTests(came)
    suite = Suite([tests], baselines=Store(tmp_path / "kept"), project=Project(baseline=False))
    assert (await verdicts(suite, repository, ["good"]))[0].status == "failed"
    assert len(tests.seen) == 1


async def test_a_suite_that_does_not_end_begins_with_the_tests_nearest_to_the_change(
    repository: Path, tmp_path: Path
) -> None:
    files = ("tests/test_z.py", "tests/test_a.py")

    def cut(workspace: Workspace, number: int) -> SuiteRun:
        del number
        first = (workspace.select or files)[0]
        good: TestStatus = "passed" if workspace.read("a.py") == "good" else "failed"
        return SuiteRun(tests={f"{first}::t": good}, files=files, complete=False, wall_s=300)

    tests = ScriptedTests(cut)
    suite = Suite([tests], baselines=Store(tmp_path / "kept"))
    good, bad = await verdicts(suite, repository, ["good", "bad"])
    assert tests.seen == [(), *[("tests/test_a.py", "tests/test_z.py")] * 3]
    assert (good.status, bad.status) == ("passed", "failed")
    assert "the limit of 300 s ended the run" in (good.reports[0].detail or "")


@pytest.mark.parametrize(("wanted", "status"), [("warn", "passed"), ("fail", "failed"), ("ignore", "passed")])
async def test_what_the_answers_own_tests_say_counts_as_the_project_wants(
    repository: Path, tmp_path: Path, wanted: Literal["warn", "fail", "ignore"], status: str
) -> None:
    def own(workspace: Workspace, number: int) -> SuiteRun:
        mine = workspace.select == ("test_new.py",)
        return SuiteRun(tests={"test_new.py::n": "failed"}) if mine else came(workspace, number)

    suite = Suite(
        [ScriptedTests(own)], baselines=Store(tmp_path / "kept"), project=Project(answer_tests=wanted)
    )
    task = Task(prompt="", workspace=str(repository))
    candidate = Candidate(text="", files={"a.py": "good", "test_new.py": ""})
    try:
        found = await suite.check(task, candidate)
        only = await suite.check(task, Candidate(text="", files={"test_new.py": ""}))
    finally:
        await suite.aclose()
    assert found.status == status
    assert ("own tests" in (found.reports[0].detail or "")) == (wanted != "ignore")
    assert only.status == ("passed" if wanted == "ignore" else "failed"), (
        "nothing but tests: they are the answer"
    )


async def test_a_task_may_say_what_has_to_pass(repository: Path, tmp_path: Path) -> None:
    suite = Suite([ScriptedTests(came)], baselines=Store(tmp_path / "kept"))
    found = await verdicts(suite, repository, ["good"], fail_to_pass=("t.py::old",))
    assert found[0].status == "failed"


async def test_a_workspace_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    suite = Suite([ScriptedTests(came)], baselines=Store(tmp_path / "kept"))
    with pytest.raises(InputError, match="not a directory"):
        await suite.prepare(Task(prompt="", workspace=str(tmp_path / "gone")))
