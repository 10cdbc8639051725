"""`cascade run` on the repository that one stands in: what its options set, and what becomes of the patch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cascade.errors import InputError, UsageError

if TYPE_CHECKING:
    from cascade.config import Config
    from cascade.tasks import BrokenLine
    from cascade.types import Result, Task

F = TypeVar("F", bound=Callable[..., Any])
_OPTIONS = (
    click.option(
        "--workspace", metavar="DIR", help="The repository that the task changes; tasks may name others."
    ),
    click.option(
        "--python",
        metavar="PATH",
        help="The interpreter that runs its tests, relative to it or to this folder (project.python).",
    ),
    click.option(
        "--context",
        metavar="GLOB",
        multiple=True,
        help='Files that the models are shown, like "src/**/*.py"; may be given again (project.context).',
    ),
    click.option("--apply", "apply", is_flag=True, help="Write the accepted patch into the workspace."),
)


def repository_options(command: F) -> F:
    """--workspace, --python, --context and --apply."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def check_options(options: Mapping[str, Any], *, single: bool) -> None:
    """Raises UsageError where the options do not go together."""
    workspace = options["workspace"]
    if workspace is not None and not Path(workspace).is_dir():
        raise UsageError(
            f"--workspace: {workspace} is not a folder", hint="name the folder of the repository"
        )
    if options["apply"] and (workspace is None or not single):
        raise UsageError(
            "--apply writes the patch of one prompt into one workspace",
            hint="give a prompt and --workspace DIR; the patches of a task file are in its results (-o)",
        )
    if workspace is None and single:
        for name in ("python", "context"):
            if options[name]:
                raise UsageError(
                    f"--{name} is about a workspace, and none is given", hint="add --workspace DIR"
                )


def with_project(config: Config, options: Mapping[str, Any]) -> Config:
    """The config with its section `project` as the options say. Raises UsageError."""
    from cascade.globs import HINT, problem_of

    given: dict[str, Any] = {}
    if options["python"]:
        given["python"] = _interpreter(options["python"], options["workspace"])
    for glob in options["context"]:
        problem = problem_of(glob)
        if problem is not None:
            raise UsageError(f"--context: {problem}", hint=HINT)
        given["context"] = tuple(options["context"])
    return config.model_copy(update={"project": config.project.model_copy(update=given)}) if given else config


def _interpreter(path: str, workspace: str | None) -> str:
    """As the config takes it: relative to the workspace where it is there, else from this folder."""
    here = Path(path).expanduser()
    if here.is_absolute() or (workspace is not None and (Path(workspace) / here).exists()):
        return str(here)
    return str(Path.cwd() / here) if here.exists() else path


def in_workspace(tasks: Iterable[Task | BrokenLine], workspace: str | None) -> Iterator[Task | BrokenLine]:
    """The tasks, in this workspace where they name none."""
    from cascade.types import Task

    place = None if workspace is None else str(Path(workspace).resolve())
    for task in tasks:
        bare = isinstance(task, Task) and task.workspace is None and not task.messages
        yield replace(task, workspace=place) if bare and isinstance(task, Task) else task


def prompt_task(prompt: str, workspace: str) -> Task:
    """The one task of a prompt in a workspace."""
    from cascade.types import Task

    (task,) = in_workspace([Task(prompt=prompt)], workspace)
    assert isinstance(task, Task)
    return task


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What became of --apply: the paths that were written, or why none was."""

    paths: tuple[str, ...] = ()
    refused: InputError | None = None

    @classmethod
    def of(cls, task: Task, result: Result) -> Applied:
        """Write the accepted answer into its workspace. Raises StorageError if the disk fails."""
        from cascade.edits.tree import apply_result

        try:
            return cls(paths=apply_result(task, result))
        except InputError as error:
            return cls(refused=error)

    @property
    def exit_code(self) -> int:
        """1 where the patch was accepted and not applied."""
        return 0 if self.refused is None else 1

    @property
    def lines(self) -> list[str]:
        """For people."""
        if self.refused is not None:
            return [self.refused.message, f"  hint: {self.refused.hint}"]
        return [f"applied: {', '.join(self.paths)}" if self.paths else "applied: the answer changes no file"]

    def as_json(self) -> dict[str, Any]:
        """More keys of the JSON document."""
        return {"applied": list(self.paths), "not_applied": self.refused and self.refused.message}


def show_answer(result: Result, applied: Applied | None, *, as_patch: bool) -> None:
    """The answer on stdout: its text, or its patch where it changes a workspace and was not applied.

    A patch that was not accepted goes to stderr, so that it never reaches `git apply` through a pipe.
    """
    from cascade.cli.echo import echo

    accepted = result.status == "accepted"
    if not as_patch or not result.patch:
        if result.output:
            echo(result.output, err=as_patch and not accepted)
    elif not accepted:
        echo(result.patch.rstrip("\n"), err=True)
    elif applied is None or applied.refused is not None:
        _print_patch(result.patch)


def _print_patch(patch: str) -> None:
    """The patch as `git apply` takes it; on a terminal nothing in it drives the terminal."""
    from cascade.cli.echo import echo

    if sys.stdout.isatty():
        echo(patch.rstrip("\n"))
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(patch.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()
