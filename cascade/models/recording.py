"""Recordings (design 5.7): answers of real models in JSON lines. A full trace is one, too."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cascade.errors import InputError
from cascade.trace import AttemptFinished, AttemptStarted, read_trace
from cascade.trace.contexts import ContextTexts
from cascade.types import History, JsonObject, Usage

Key: TypeAlias = tuple[str, str, int, str | None, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One answer. `attempt` is the model's nth on this task, `after` the tier whose failure was shown."""

    task_id: str
    model: str
    attempt: int
    after: str | None
    history: History
    completion: str
    usage: Usage
    messages: tuple[JsonObject, ...] = ()
    latency_s: float = 0.0
    finish_reason: str | None = "stop"
    served_model: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict, compare=False)

    @property
    def key(self) -> Key:
        """What a request is matched by."""
        return (self.task_id, self.model, self.attempt, self.after, self.history)


class _UsageLine(BaseModel):
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)
    cached_tokens: int = Field(default=0, ge=0)
    reasoning_tokens: int = Field(default=0, ge=0)


class _Line(BaseModel):
    """A line may hold more than this; it is kept in `Recorded.extra`."""

    model_config = ConfigDict(extra="allow")

    task_id: str
    model: str
    attempt: int = 1
    after: str | None = None
    history: History = "none"
    completion: str
    usage: _UsageLine
    messages: tuple[dict[str, object], ...] = ()
    latency_s: float = 0.0
    finish_reason: str | None = "stop"
    served_model: str | None = None

    def recorded(self) -> Recorded:
        return Recorded(
            task_id=self.task_id,
            model=self.model,
            attempt=self.attempt,
            after=self.after,
            history=self.history,
            completion=self.completion,
            usage=Usage(
                input=self.usage.prompt_tokens,
                cached_input=min(self.usage.cached_tokens, self.usage.prompt_tokens),
                output=self.usage.completion_tokens,
                reasoning=self.usage.reasoning_tokens,
            ),
            messages=self.messages,  # type: ignore[arg-type]  # JSON by construction
            latency_s=self.latency_s,
            finish_reason=self.finish_reason,
            served_model=self.served_model,
            extra=self.model_extra or {},
        )


def load_recordings(paths: Iterable[Path | str]) -> list[Recorded]:
    """All answers of one or several recordings or traces, in file order.

    Raises `InputError`, with file and line, where one cannot be read or a line is not a recording.
    """
    return [recorded for path in paths for recorded in _load(Path(path))]


def _load(path: Path) -> Iterator[Recorded]:
    lines = _lines(path)
    first = next(lines, None)
    if first is None:
        raise InputError(
            f"the recording {path} is empty", hint="give a recording or a trace with full content"
        )
    if b'"schema"' in first[1] and b'"event"' in first[1]:
        yield from _from_trace(path)
        return
    yield _parse(path, *first)
    for number, line in lines:
        yield _parse(path, number, line)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            for number, line in enumerate(gzip.GzipFile(fileobj=raw) if packed else raw, start=1):
                if line.strip():
                    yield number, line
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"cannot read the recording {path}: {getattr(error, 'strerror', None) or error}",
            hint="`recording:` takes the path of a JSON lines file, plain or gzipped",
        ) from error


def _parse(path: Path, number: int, line: bytes) -> Recorded:
    try:
        return _Line.model_validate_json(line).recorded()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "line"
        raise InputError(
            f"{path}:{number}: {place}: {first['msg']}",
            hint="a line has task_id, model, attempt, after, history, messages, completion, usage",
        ) from error


def _from_trace(path: Path) -> Iterator[Recorded]:
    """Pairs of attempt.started and attempt.finished; those without the answer's text are left out."""
    started: dict[tuple[str, str | None, int], AttemptStarted] = {}
    found, texts = False, ContextTexts()
    for event in read_trace(path, strict=False).events:
        texts.take(event)
        if isinstance(event, AttemptStarted):
            started[event.run_id, event.task_id, event.attempt] = event
        elif (
            isinstance(event, AttemptFinished)
            and not event.warm
            and event.output is not None
            and event.output.text is not None
        ):
            found = True
            begun = started.get((event.run_id, event.task_id, event.attempt))
            yield _from_pair(() if begun is None else texts.messages(begun), event, event.output.text)
    if not found:
        raise InputError(
            f"the trace {path} holds no answer's text, so it is no recording",
            hint="write traces with `trace: {content: full}`",
        )


def _from_pair(messages: tuple[JsonObject, ...], finished: AttemptFinished, text: str) -> Recorded:
    usage = finished.usage
    return Recorded(
        task_id=finished.task_id or "",
        model=finished.model,
        attempt=finished.tier_attempt,
        after=finished.after,
        history=finished.history,
        completion=text,
        usage=Usage(
            input=usage.input,
            cached_input=usage.cached_input,
            output=usage.output,
            reasoning=usage.reasoning,
            estimated=usage.estimated,
        ),
        messages=messages,
        latency_s=finished.latency_s,
        finish_reason=finished.finish_reason,
        served_model=finished.answered_by,
    )
