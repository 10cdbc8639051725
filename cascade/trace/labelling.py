"""Appends ground truth to a trace, as one more writer of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cascade.errors import StorageError
from cascade.trace.events import AttemptFinished, OutcomeLabelled
from cascade.trace.ids import new_span_id
from cascade.trace.labels import Key, Label, joined, truths
from cascade.trace.reader import read_trace
from cascade.trace.sink import JsonLinesSink


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """What was appended: new labels, those that replace another, and those that were there already."""

    added: int
    changed: int
    known: int


def label_trace(
    path: Path | str, labels: Iterable[Label], *, source: str = "", signing_key: bytes | None = None
) -> Labelled:
    """Append an `outcome.labelled` for each label that the trace does not hold yet; the last of an answer counts.

    All or nothing is checked before the first line is written; a label that is there already is left, so that an
    interrupted call can be repeated. Raises InputError for a label that fits no answer, StorageError if the
    trace is broken, gzipped, or being written by a run.
    """
    path = Path(path)
    _appendable(path)
    events = read_trace(path).events
    spans = {
        Key(event.run_id, event.task_id or "", event.attempt): event
        for event in events
        if isinstance(event, AttemptFinished) and not event.warm
    }
    before = truths(events)
    wanted = joined(events, labels)
    new = {key: label for key, label in wanted.items() if before.get(key) != label.outcome}
    if new:
        with JsonLinesSink(path, signing_key=signing_key) as sink:
            for key, label in new.items():
                sink.emit(_event(spans[key], label, source))
    changed = sum(key in before for key in new)
    return Labelled(added=len(new) - changed, changed=changed, known=len(wanted) - len(new))


def _event(about: AttemptFinished, label: Label, source: str) -> OutcomeLabelled:
    return OutcomeLabelled(
        run_id=about.run_id,
        task_id=about.task_id,
        trace_id=about.trace_id,
        span_id=new_span_id(),
        parent_span_id=about.span_id,
        attempt=about.attempt,
        tier=about.tier,
        outcome=label.outcome,
        source=source,
    )


def _appendable(path: Path) -> None:
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
    except OSError as error:
        raise StorageError(
            f"cannot read the trace {path}: {error.strerror or error}",
            hint="give the path of a trace that `cascade run --trace` wrote",
            code="storage.read",
        ) from error
    if packed:
        raise StorageError(
            f"{path} is gzipped: nothing can be appended to it",
            hint="unpack it first, or give the truth beside it (--truth FILE)",
            code="storage.gzip",
        )
