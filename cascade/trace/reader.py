"""Reads traces, plain or gzipped. A torn last line is reported, a broken line elsewhere is named."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from cascade.errors import InputError
from cascade.storage import unreadable
from cascade.trace.chain import split_link
from cascade.trace.events import EVENT, SCHEMA, Event
from cascade.trace.problem import Problem

_BOM = b"\xef\xbb\xbf"
_HINT = "give the path of a trace that `cascade run --trace` wrote"


@dataclass(slots=True, kw_only=True)
class TraceLog:
    """What a file holds: events in order with their line numbers, broken lines, and a torn last one."""

    path: Path
    events: list[Event] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    torn: Problem | None = None


def read_trace(path: Path | str, *, strict: bool = True) -> TraceLog:
    """Read a whole trace.

    With `strict` a broken line that is not the last raises `InputError` (`trace.broken`); otherwise it is listed
    in `problems`. Raises `InputError` too if the file is not there or of another schema, `StorageError` if it
    cannot be read.
    """
    path = Path(path)
    log = TraceLog(path=path)
    pending: Problem | None = None
    for number, line, whole in trace_lines(path):
        if pending is not None:
            log.problems.append(pending)
            pending = None
        if not line.strip():
            continue
        try:
            log.events.append(EVENT.validate_json(split_link(line).body))
            log.lines.append(number)
        except ValidationError as error:
            pending = _explain(path, number, line, error)
            if not whole:
                log.torn, pending = pending, None
    if pending is not None:
        log.problems.append(pending)
    if strict and log.problems:
        first = log.problems[0]
        raise InputError(
            f"{path}:{first.line}: {first.message}",
            hint=f"`cascade trace verify {path}` lists all faults of a trace",
            code="trace.broken",
        )
    return log


def read_events(path: Path | str) -> TraceLog:
    """Read a whole trace that has something in it. Raises as `read_trace`, and `InputError` for an empty one."""
    log = read_trace(path)
    if not log.events:
        raise InputError(f"{path}: the trace holds no event", hint=_HINT, code="trace.empty")
    return log


def trace_lines(path: Path) -> Iterator[tuple[int, bytes, bool]]:
    """Number, bytes and whether the line has its end. A gzip cut short ends like a torn line."""
    number, line = 0, b""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream = gzip.GzipFile(fileobj=raw) if packed else raw
            for number, line in enumerate(stream, start=1):
                text = line.removeprefix(_BOM) if number == 1 else line
                yield number, text, line.endswith(b"\n")
    except EOFError:
        yield number + 1, b"{", False
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: the trace is gzipped and damaged: {error}", hint=_HINT) from error
    except OSError as error:
        raise unreadable(path, error, what="trace", hint=_HINT) from error


def _explain(path: Path, number: int, line: bytes, error: ValidationError) -> Problem:
    import orjson

    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as broken:
        return Problem(line=number, message=f"not JSON: {broken.msg} at column {broken.colno}")
    schema = value.get("schema") if isinstance(value, dict) else None
    if isinstance(schema, int) and schema != SCHEMA:
        raise InputError(
            f"{path}:{number}: this is a trace of schema {schema}; this version reads schema {SCHEMA}",
            hint="read it with the version of cascade that wrote it, or a later one",
            code="trace.schema",
        )
    if not isinstance(value, dict) or "event" not in value:
        return Problem(
            line=number, message="no event: a trace has one event a line, as an object with `event`"
        )
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    said = {
        "union_tag_invalid": f"{value['event']!r} is no event of this version",
        "extra_forbidden": "this version knows no such key",
    }
    return Problem(line=number, message=f"{place or 'event'}: {said.get(first['type'], first['msg'])}")
