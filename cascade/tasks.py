"""Task files (design 5.3): JSON lines in, tasks out, and what is broken by line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cascade.errors import InputError
from cascade.globs import HINT as GLOB_HINT
from cascade.globs import problem_of
from cascade.storage import open_bytes
from cascade.types import Task

MAX_LINE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A line that is no task. `id` is the one it names, if it is its own; `line` counts from 1."""

    path: str
    line: int
    what: str
    hint: str = ""
    id: str | None = None

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}" + (f"; {self.hint}" if self.hint else "")


class _Line(BaseModel):
    """What may stand in a line."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    prompt: Annotated[str, Field(min_length=1)]
    id: str | None = None
    files: dict[str, str] = Field(default_factory=dict)
    workspace: str | None = None
    target: str | None = None
    tests: dict[str, str] = Field(default_factory=dict)
    validators: list[str] | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    messages: list[dict[str, Any]] = Field(default_factory=list)
    tools: list[dict[str, Any]] = Field(default_factory=list)
    parameters: dict[str, Any] = Field(default_factory=dict)
    context: list[str] | None = None
    fail_to_pass: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    pass_to_pass: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    hidden_tests: dict[str, str] = Field(default_factory=dict)


class _BrokenError(Exception):
    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


def read_tasks(path: str | Path, *, show_tests: bool = False) -> Iterator[Task | BrokenLine]:
    """Tasks in the file's order; plain or gzipped, memory constant but for the ids.

    A task without `id` gets `task-LINE`. `workspace` is resolved against the file's folder. A line that is
    broken, or repeats an id, comes as `BrokenLine`, and the reading goes on; blank lines are passed over.
    Raises `InputError` if the file cannot be read, or holds no line at all.
    """
    seen: dict[str, int] = {}
    folder = Path(path).resolve().parent
    empty = True
    with open_bytes(path, what="task file") as lines:
        for number, raw in enumerate(_bounded(lines), 1):
            stripped = raw.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else raw.strip()
            if not stripped:
                continue
            empty = False
            name: str | None = None
            try:
                fields = _parsed(stripped)
                name = fields["id"] if isinstance(fields.get("id"), str) else None
                task = _task(fields, number, folder=folder, show_tests=show_tests)
                name = task.id
            except _BrokenError as error:
                yield BrokenLine(str(path), number, error.what, error.hint, name)
                continue
            first = seen.setdefault(task.id, number)
            if first == number:
                yield task
            else:
                what = f"the id {task.id!r} was given in line {first} already"
                # Without the id: it is the first one's, whose result must not be taken for this line's.
                yield BrokenLine(str(path), number, what, "rename one of them")
    if empty:
        raise InputError(f"{path}: the task file is empty", hint='one task a line: {"prompt": "..."}')


def _bounded(lines: Any) -> Iterator[bytes]:
    """Lines, none longer than the bound in memory; the rest of a longer one is dropped."""
    while line := lines.readline(MAX_LINE_BYTES + 1):
        yield line
        while len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            line = lines.readline(MAX_LINE_BYTES + 1)


def _parsed(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_LINE_BYTES:
        raise _BrokenError(f"is longer than {MAX_LINE_BYTES >> 20} MiB", "bring large files by `workspace`")
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        raise _BrokenError(
            f"is not UTF-8 (byte {error.start + 1} of the line)", "save it as UTF-8"
        ) from error
    try:
        fields = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        what = f"is not JSON: {error.msg} (column {error.colno})"
        raise _BrokenError(what, "one JSON object a line") from error
    if not isinstance(fields, dict):
        raise _BrokenError("is not a JSON object", 'write {"prompt": "..."}')
    return fields


def _task(fields: dict[str, Any], number: int, *, folder: Path, show_tests: bool) -> Task:
    try:
        line = _Line.model_validate(fields)
    except ValidationError as error:
        raise _BrokenError(*_why(error)) from error
    if line.id == "":
        raise _BrokenError("id is empty", "write one, or leave it out")
    for what, paths in (
        ("files", line.files),
        ("tests", line.tests),
        ("hidden_tests", line.hidden_tests),
        ("target", [] if line.target is None else [line.target]),
    ):
        for path in paths:
            _require_inside(path, what)
    return Task(
        id=line.id if line.id is not None else f"task-{number}",
        prompt=line.prompt,
        files=line.files,
        workspace=_workspace(line.workspace, folder),
        target=line.target,
        tests=line.tests,
        validators=None if line.validators is None else tuple(line.validators),
        metadata=line.metadata,
        show_tests=show_tests,
        messages=tuple(line.messages),
        tools=tuple(line.tools),
        parameters=line.parameters,
        context=_context(line),
        fail_to_pass=tuple(line.fail_to_pass),
        pass_to_pass=tuple(line.pass_to_pass),
        hidden_tests=line.hidden_tests,
    )


def _workspace(written: str | None, folder: Path) -> str | None:
    if written is None:
        return None
    path = folder / Path(written).expanduser()
    if not path.is_dir():
        raise _BrokenError(
            f"workspace: there is no folder {written!r}", f"looked in {os.path.relpath(folder)}"
        )
    return str(path)


def _context(line: _Line) -> tuple[str, ...] | None:
    """The task's own globs. They need a workspace to name files of."""
    for glob in line.context or ():
        problem = problem_of(glob)
        if problem is not None:
            raise _BrokenError(f"context: {problem}", GLOB_HINT)
    if line.context and line.workspace is None:
        raise _BrokenError("context names files of a workspace, and there is none", 'add "workspace": "DIR"')
    return None if line.context is None else tuple(line.context)


def _require_inside(path: str, what: str) -> None:
    """Relative, inside the workspace, and writable as a file name."""
    pure = PurePosixPath(path)
    if not path or pure in {PurePosixPath("."), PurePosixPath()} or path.endswith("/"):
        raise _BrokenError(f"{what}: {path!r} names no file", "write a path like src/x.py")
    if pure.is_absolute() or ".." in pure.parts or "\\" in path or "\0" in path:
        raise _BrokenError(
            f"{what}: {path!r} leads out of the workspace", "write a relative path like src/x.py"
        )


def _why(error: ValidationError) -> tuple[str, str]:
    """All of a line's mistakes in one line, and how to mend the first."""
    words = {
        "string_type": "must be text",
        "dict_type": "must be an object",
        "list_type": "must be a list",
        "missing": "is missing",
        "extra_forbidden": "is not a known key",
        "string_too_short": "is empty",
    }
    found = error.errors(include_url=False)
    whats = [f"{'.'.join(map(str, one['loc']))} {words.get(one['type'], one['msg'])}" for one in found]
    unknown = any(one["type"] == "extra_forbidden" for one in found)
    hint = f"known keys: {', '.join(_Line.model_fields)}; anything else goes into metadata" if unknown else ""
    return "; ".join(whats), hint
