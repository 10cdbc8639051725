"""RESULTS files (design 5.8): one JSON line a finished task, flushed as it ends, and read again to resume."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cascade.types import Result


def result_record(result: Result, *, content: bool = True) -> dict[str, Any]:
    """The line of one result as JSON types: id, status, tier, output, files, attempts, cost_usd, latency_s,
    verdict, error, reason. `attempts` is a list without outputs. content: False leaves output and files out.
    """
    raise NotImplementedError


class ResultsWriter:
    """Appends results, one line each, flushed. A context manager; a torn last line is mended on opening."""

    def __init__(self, path: str | Path, *, resume: bool = False) -> None:
        """resume: append to what is there; else a file that exists and is not empty is refused.

        Raises `StorageError` if the file cannot be written.
        """
        raise NotImplementedError

    def write(self, result: Result) -> None:
        """Append one line and flush it. Raises `StorageError`."""
        raise NotImplementedError

    def close(self) -> None:
        """Flush to disk and close. May be called more than once."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Finished:
    """What a results file says of one task: how it ended, and what it cost (None: unknown)."""

    id: str
    status: str
    cost_usd: str | None


def read_finished(path: str | Path) -> dict[str, Finished]:
    """Finished tasks by id; the last line of an id counts, a torn last line does not. {} if there is no file.

    Raises `InputError` if a line in the middle is broken.
    """
    raise NotImplementedError


def read_records(path: str | Path) -> Iterator[dict[str, Any]]:
    """The lines of a results file (plain or gzipped) as they are; a torn last line is left out."""
    raise NotImplementedError
