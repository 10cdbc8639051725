"""`cascade validate PATH...`: the validators alone, on files that are there, or on a patch to a workspace."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import NoReturn

import click

from cascade.cli.validate_patch import PatchedWorkspace, changes_document, show_baseline, show_changes
from cascade.codec import to_json
from cascade.errors import InputError, UsageError
from cascade.types import Candidate, Report, Task, Verdict
from cascade.validators.catalog import DEFAULT, build, known_names
from cascade.validators.sandbox import Use, open_sandbox
from cascade.validators.suite import Suite

EXIT = {"passed": 0, "failed": 1, "unchecked": 3}
MARKS = {"passed": ("passed", "green"), "failed": ("failed", "red"), "unchecked": ("unchecked", "yellow")}
SKIPPED_FOLDERS = {
    ".git",
    ".venv",
    "__pycache__",
    "node_modules",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
}
USES = ("auto", "landlock", "bwrap", "container", "none")


@click.command()
@click.argument("paths", nargs=-1, type=click.Path())
@click.option(
    "--workspace", type=click.Path(), help="The repository that --patch changes; it is not written."
)
@click.option("--patch", type=click.Path(), help="A unified diff of the workspace's files; - for stdin.")
@click.option("--python", help="The interpreter of the workspace's own environment: .venv/bin/python")
@click.option(
    "--validators", "names", help="Comma-separated names; default: those that need nothing but the files."
)
@click.option("--tests", multiple=True, type=click.Path(), help="Test file or folder; may be given again.")
@click.option("--sandbox", "use", type=click.Choice(USES), default="auto", show_default=True)
@click.option("--all", "run_all", is_flag=True, help="Run all validators, also after one has failed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def validate(
    paths: tuple[str, ...],
    *,
    names: str | None,
    tests: tuple[str, ...],
    use: Use,
    run_all: bool,
    as_json: bool,
    **repository: str | None,
) -> None:
    """Check the files at PATHS, or a patch to a workspace, in the sandbox.

    With --workspace and --patch the verdict speaks of the patch alone: what fails or is found without it does not
    count. Exit 0: passed; 1: failed; 3: could not be checked.
    """
    specs = [name.strip() for name in names.split(",") if name.strip()] if names else list(DEFAULT)
    unknown = [name for name in specs if name not in known_names()]
    if unknown:
        raise InputError(
            f"unknown validators: {', '.join(unknown)}", hint=f"known are: {', '.join(known_names())}"
        )
    if any(value is not None for value in repository.values()):
        asked = PatchedWorkspace.of(**repository, others=(*paths, *tests))
        _finish_patch(asked, specs, use, run_all=run_all, as_json=as_json)
    if not paths:
        raise UsageError("nothing to check", hint="give files or folders, or --workspace DIR --patch FILE")
    files, test_files = _read(paths), _read(tests)
    test_files |= {path: text for path, text in files.items() if _is_test(path)}
    answer = {path: text for path, text in files.items() if path not in test_files}
    task = Task(prompt="", id="validate", tests=test_files, show_tests=True)
    verdict = asyncio.run(_check(task, answer, specs, use, run_all=run_all))
    if as_json:
        click.echo(json.dumps(document(verdict)))
    else:
        _show(verdict)
    raise SystemExit(EXIT[verdict.status])


def _finish_patch(
    asked: PatchedWorkspace, specs: list[str], use: Use, *, run_all: bool, as_json: bool
) -> NoReturn:
    baseline, verdict = asyncio.run(asked.check(specs, use, stop_early=not run_all))
    if as_json:
        click.echo(json.dumps({**document(verdict), **changes_document(baseline, verdict)}))
    else:
        show_baseline(baseline)
        _show(verdict)
        show_changes(verdict)
    raise SystemExit(EXIT[verdict.status])


async def _check(task: Task, answer: dict[str, str], specs: list[str], use: Use, *, run_all: bool) -> Verdict:
    sandbox = open_sandbox(use)
    try:
        suite = Suite(build(specs, sandbox=sandbox), stop_early=not run_all, sandbox=sandbox)
        try:
            return await suite.check(task, Candidate(text="", files=answer))
        finally:
            await suite.aclose()
    finally:
        await sandbox.aclose()


def document(verdict: Verdict) -> dict[str, object]:
    """The verdict in the shape of design 5.8, with what was skipped and why."""
    validators = [
        {
            "name": report.name,
            "status": report.status,
            "latency_s": round(report.latency_s, 6),
            "diagnostics": [to_json(found) for found in report.diagnostics],
            "detail": report.detail,
        }
        for report in verdict.reports
    ]
    return {"verdict": verdict.status, "validators": validators, "skipped": dict(verdict.skipped)}


def _read(paths: tuple[str, ...]) -> dict[str, str]:
    """Files by workspace path: a folder's content relative to it, a file under its own name."""
    found: dict[str, str] = {}
    for given in paths:
        path = Path(given)
        if not path.exists():
            raise InputError(f"there is no {given!r}", hint="give an existing file or folder")
        listed = sorted(path.rglob("*")) if path.is_dir() else [path]
        base = path if path.is_dir() else path.parent
        for file in listed:
            name = file.relative_to(base).as_posix()
            if file.is_symlink() or not file.is_file() or SKIPPED_FOLDERS & set(Path(name).parts):
                continue
            if name in found:
                raise InputError(f"two files would be {name!r}", hint="give the folder that holds both")
            text = _text(file, explicit=not path.is_dir())
            if text is not None:
                found[name] = text
    return found


def _text(file: Path, *, explicit: bool) -> str | None:
    """The file's text; a binary one in a folder is left out, a binary one that was named is an error."""
    try:
        return file.read_text("utf-8")
    except (UnicodeDecodeError, OSError) as error:
        if not explicit:
            return None
        raise InputError(f"{str(file)!r} cannot be read as UTF-8: {error}", hint="give text files") from error


def _is_test(path: str) -> bool:
    name = Path(path).name
    return (name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py") and name.endswith(
        ".py"
    )


def _show(verdict: Verdict) -> None:
    for report in verdict.reports:
        _show_report(report)
    for name, reason in verdict.skipped.items():
        click.echo(f"{name}: " + click.style("skipped", dim=True) + f": {reason}")
    text, colour = MARKS[verdict.status]
    click.echo("verdict: " + click.style(text, fg=colour, bold=True))


def _show_report(report: Report) -> None:
    text, colour = MARKS[report.status]
    detail = f"  {report.detail}" if report.detail else ""
    click.echo(
        f"{report.name}: " + click.style(text, fg=colour) + f" in {1000 * report.latency_s:.0f} ms{detail}"
    )
    for found in report.diagnostics:
        place = ":".join(str(part) for part in (found.path, found.line, found.column) if part is not None)
        click.echo(
            f"  {place or '-'}: {found.severity}{f' [{found.code}]' if found.code else ''}: {found.message}"
        )
        if found.source:
            click.echo(f"      {found.source.strip()}")
