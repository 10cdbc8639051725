"""`cascade validate --workspace DIR --patch FILE|-`: a verdict on a patch, without any model."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from cascade.codec import to_json
from cascade.edits.originals import Originals
from cascade.errors import InputError, UsageError
from cascade.patches import PatchError, edit, is_patch
from cascade.storage import open_bytes
from cascade.types import Candidate, Task, Verdict
from cascade.validators.baseline.values import Baseline
from cascade.validators.catalog import build
from cascade.validators.project import Project
from cascade.validators.sandbox import Use, open_sandbox
from cascade.validators.suite import Suite

SHOWN = 10
WORDS = {
    "fixed": "failed before, pass now",
    "broken": "passed before, fail now",
    "missing": "passed before, do not run now",
    "new_failing": "new, and fail",
    "unfixed": "had to pass, and do not",
    "still_failing": "failed before, fail now",
}


@dataclass(frozen=True, slots=True)
class PatchedWorkspace:
    """What is to be checked: a workspace, and what a patch makes of its files."""

    task: Task
    candidate: Candidate
    project: Project

    @classmethod
    def of(
        cls, workspace: str | None, patch: str | None, python: str | None, *, others: tuple[str, ...]
    ) -> PatchedWorkspace:
        """From the command line. Raises UsageError, and InputError for a patch that does not apply."""
        if others:
            raise UsageError(
                f"--patch is checked alone, not with {others[0]!r}",
                hint="the workspace's own tests are run; leave out the paths and --tests",
            )
        if workspace is None or patch is None:
            raise UsageError(
                "--workspace, --patch and --python belong together",
                hint="cascade validate --workspace . --patch fix.patch",
            )
        root = Path(workspace).expanduser()
        if not root.is_dir():
            raise InputError(
                f"--workspace: there is no folder {workspace!r}", hint="give the repository's folder"
            )
        project = Project(python=_interpreter(root, python))
        task = Task(prompt="", id="validate", workspace=str(root.resolve()), show_tests=True)
        return cls(task, _patched(root, patch), project)

    async def check(self, specs: list[str], use: Use, *, stop_early: bool) -> tuple[Baseline, Verdict]:
        """What the validators say without the patch, and of it."""
        sandbox = open_sandbox(use)
        try:
            validators = build(specs, sandbox=sandbox)
            suite = Suite(validators, stop_early=stop_early, sandbox=sandbox, project=self.project)
            try:
                baseline = await suite.baseline(self.task)
                return baseline, await suite.check(self.task, self.candidate)
            finally:
                await suite.aclose()
        finally:
            await sandbox.aclose()


def _patched(root: Path, patch: str) -> Candidate:
    text = _read(patch)
    name = "stdin" if patch == "-" else patch
    if not is_patch(text):
        raise InputError(f"{name}: holds no unified diff", hint="make one with: git diff > fix.patch")
    edited = edit(text, Originals({}, str(root)))
    if edited.errors:
        raise InputError(
            f"{name}: the patch does not apply: " + "\n".join(_described(error) for error in edited.errors),
            hint="make the patch against the workspace as it stands now",
        )
    if not edited.files and not edited.deleted:
        raise InputError(f"{name}: the patch changes no file", hint="make one with: git diff > fix.patch")
    return Candidate(text=text, files=edited.files, deleted=edited.deleted, modes=edited.modes)


def _read(patch: str) -> str:
    """The patch; bytes that are no UTF-8 as lone surrogates, for a file may hold them too."""
    if patch != "-":
        with open_bytes(patch, what="patch") as file:
            return file.read().decode("utf-8", "surrogateescape")
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape", newline="")
    return sys.stdin.read()


def _described(error: PatchError) -> str:
    place = f"{error.path}:{error.line}: " if error.path and error.line else ""
    return f"{place}{error}"


def _interpreter(root: Path, python: str | None) -> str | None:
    """As it is in the workspace, else as it is here. Raises InputError if it is in neither."""
    if python is None:
        return None
    given = Path(python).expanduser()
    if given.is_absolute() and given.exists():
        return str(given)
    if (root / given).exists():
        return python
    if given.exists():
        return str(Path.cwd() / given)
    raise InputError(
        f"--python: there is no interpreter {python!r}, neither in {str(root)!r} nor here",
        hint="give the project's own: --python .venv/bin/python",
    )


def changes_document(baseline: Baseline, verdict: Verdict) -> dict[str, object]:
    """`baseline` as design 5.10 has it, and by test what changed."""
    return {"baseline": baseline.document(), "changes": _changes(verdict)}


def _changes(verdict: Verdict) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {name: [] for name in WORDS}
    for report in verdict.reports:
        changes = to_json(report.changes) if report.changes is not None else {}
        for name in WORDS:
            found[name] += changes.get(name, [])
    return found


def show_baseline(baseline: Baseline) -> None:
    """One line on what there is without the patch, and the tests that say nothing."""
    suites = baseline.suites
    counts = [
        f"{sum(len(seen.passed) for seen in suites)} tests pass",
        f"{sum(len(seen.failed) for seen in suites)} fail",
        f"{sum(len(seen.not_runnable) for seen in suites)} cannot run here",
        f"{sum(len(seen.flaky) for seen in suites)} are flaky",
    ]
    line = ", ".join(counts) if suites else "no tests"
    click.echo(f"without the patch: {line}; {baseline.findings} findings")
    for seen in suites:
        _list("cannot run here", seen.not_runnable)
        _list("flaky, left out", seen.flaky)
        if not seen.passed:
            click.secho("  no test passes without the patch", fg="yellow")
    for path, why in baseline.left_out.items():
        click.secho(f"  left out: {path}: {why}", fg="yellow")
    for name, why in baseline.problems.items():
        click.secho(f"  {name} could not look at it: {why}", fg="yellow")


def show_changes(verdict: Verdict) -> None:
    """The tests that differ, by what became of them."""
    for name, tests in _changes(verdict).items():
        _list(WORDS[name], tests)


def _list(words: str, tests: list[str] | tuple[str, ...]) -> None:
    if not tests:
        return
    more = f" and {len(tests) - SHOWN} more" if len(tests) > SHOWN else ""
    click.echo(f"  {words}: {', '.join(tests[:SHOWN])}{more}")
