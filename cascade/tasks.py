"""Task files (design 5.3): JSON lines in, tasks out, and what is broken by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cascade.types import Task


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A line that is no task. `id` is the one it names, if it could be read; `line` counts from 1."""

    path: str
    line: int
    what: str
    hint: str = ""
    id: str | None = None

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}" + (f"; {self.hint}" if self.hint else "")


def read_tasks(path: str | Path, *, show_tests: bool = False) -> Iterator[Task | BrokenLine]:
    """Tasks in the file's order; plain or gzipped, memory constant but for the ids.

    A task without `id` gets `task-LINE`. `workspace` is resolved against the file's folder. A line that is
    broken, or repeats an id, comes as `BrokenLine`, and the reading goes on.
    Raises `InputError` if the file cannot be read, or holds no task at all.
    """
    raise NotImplementedError
