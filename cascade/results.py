"""RESULTS files (design 5.8): one JSON line a finished task, flushed as it ends, and read again to resume."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from cascade.codec import dump_json, to_json
from cascade.errors import InputError, StorageError, UsageError
from cascade.storage import open_bytes, reason, require_still_there
from cascade.types import Attempt, Result


def result_record(result: Result, *, content: bool = True) -> dict[str, Any]:
    """The line of one result as JSON types.

    `id, status, tier, output, files, deleted, patch, attempts, cost_usd, latency_s, verdict, error, reason`;
    `attempts` is a list of what each cost and came to (and how a judge found it), without its output. content: False
    leaves output, files, deleted and patch out.
    """
    record = {
        "id": result.id,
        "status": result.status,
        "tier": result.tier,
        "output": result.output,
        "files": dict(result.files),
        "deleted": list(result.deleted),
        "patch": result.patch,
        "attempts": [_attempt_record(attempt) for attempt in result.attempts],
        "cost_usd": None if result.cost_usd is None else format(result.cost_usd, "f"),
        "latency_s": result.latency_s,
        "verdict": None if result.verdict is None else to_json(result.verdict),
        "error": result.error,
        "reason": result.reason,
    }
    if not content:
        del record["output"], record["files"], record["deleted"], record["patch"]
    return record


def _attempt_record(attempt: Attempt) -> dict[str, Any]:
    return {
        "attempt": attempt.number,
        "tier": attempt.tier,
        "model": attempt.answered_by or attempt.model,
        "verdict": None if attempt.verdict is None else attempt.verdict.status,
        **({} if attempt.judged is None else {"judged": to_json(attempt.judged)}),
        "cost_usd": None if attempt.cost_usd is None else format(attempt.cost_usd, "f"),
        "latency_s": attempt.latency_s,
        "usage": to_json(attempt.usage),
        "error": attempt.error,
        **({} if not attempt.notices else {"warnings": [to_json(notice) for notice in attempt.notices]}),
    }


class ResultsWriter:
    """Appends results, one line each, flushed. A context manager; a torn last line is cut off on opening."""

    def __init__(self, path: str | Path, *, resume: bool = False, content: bool = True) -> None:
        """resume: append to what is there; else a file that exists and is not empty is refused.

        Raises `StorageError` if the file cannot be written, `UsageError` if it would be added to unasked.
        """
        self.path = Path(path)
        self._content = content
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+b")
        except OSError as error:
            raise StorageError(f"{path}: cannot write results: {reason(error)}") from error
        size = self._file.seek(0, os.SEEK_END)
        if size and not resume:
            self._file.close()
            hint = "give another -o, remove it, or go on with --resume"
            raise UsageError(f"{path}: holds results already", hint=hint)
        self._cut_torn_line(size)

    def _cut_torn_line(self, size: int) -> None:
        """A crash in the middle of a write leaves a line without its end; the task is then not done."""
        end = size
        while end:
            start = max(0, end - 65536)
            self._file.seek(start)
            block = self._file.read(end - start)
            newline = block.rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end != size:
            self._file.truncate(end)

    def write(self, result: Result) -> None:
        """Append one line and flush it. Raises `StorageError`.

        A result that cannot be written as JSON is written as an error of its task, so that the others go on.
        """
        try:
            line = dump_json(result_record(result, content=self._content))
        except InputError as error:
            line = dump_json(result_record(_unwritable(result, error), content=self._content))
        try:
            self._file.write(line + b"\n")
            self._file.flush()
        except (OSError, ValueError) as error:
            why = reason(error) if isinstance(error, OSError) else "it is closed"
            raise StorageError(f"{self.path}: cannot write results: {why}") from error

    def close(self) -> None:
        """Flush to disk and close. May be called more than once. Raises `StorageError`."""
        if self._file.closed:
            return
        try:
            with self._file:
                self._file.flush()
                os.fsync(self._file.fileno())
                require_still_there(self.path, self._file.fileno(), what="results file")
        except OSError as error:
            raise StorageError(f"{self.path}: cannot write results: {reason(error)}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _unwritable(result: Result, error: InputError) -> Result:
    return Result(
        id=result.id,
        status="error",
        cost_usd=result.cost_usd,
        latency_s=result.latency_s,
        reason=f"the result {error.message}",
        error="results.unwritable",
    )


@dataclass(frozen=True, slots=True)
class Finished:
    """What a results file says of one task: how it ended, and what it cost (decimal USD; None: unknown)."""

    id: str
    status: str
    cost_usd: str | None


def read_finished(path: str | Path) -> dict[str, Finished]:
    """Finished tasks by id; the last line of an id counts, a torn last line does not. {} if there is no file.

    Raises `InputError` if a line in the middle is broken.
    """
    if not Path(path).exists():
        return {}
    finished = {}
    for number, record in enumerate(read_records(path), 1):
        name, status = record.get("id"), record.get("status")
        if not isinstance(name, str) or not isinstance(status, str):
            raise InputError(f"{path}: result {number} has no id or status", hint="this is no results file")
        cost = record.get("cost_usd")
        finished[name] = Finished(name, status, None if cost is None else str(cost))
    return finished


def read_records(path: str | Path) -> Iterator[dict[str, Any]]:
    """The lines of a results file (plain or gzipped) as they are; a torn last line is left out.

    Raises `InputError` with the line if one in the middle is broken.
    """
    with open_bytes(path, what="results file") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                if not line.endswith(b"\n"):
                    return
                raise InputError(
                    f"{path}:{number}: is not JSON: {error.msg}", hint="mend or remove it"
                ) from error
            if not isinstance(record, dict):
                raise InputError(f"{path}:{number}: is not a JSON object", hint="this is no results file")
            yield record
