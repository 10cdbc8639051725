"""A trace as an outcome table (design 5.6): one row an attempt that was checked or failed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from cascade.errors import StorageError
from cascade.trace.events import AttemptFailed, AttemptFinished, Event, ValidationFinished

COLUMNS = (
    "task_id",
    "model",
    "outcome",
    "cost_usd",
    "attempt",
    "stage",
    "latency_s",
    "after",
    "history",
    "output_tokens",
)
OUTCOME = {"passed": "1", "failed": "0"}


def rows(events: Iterable[Event]) -> list[dict[str, str]]:
    """Rows by `COLUMNS`. `model` is the tier, `attempt` the tier's nth on the task, `stage` the task's nth attempt.

    An answer that could not be checked has an empty outcome; a call that failed is no outcome and has no row.
    """
    ended: dict[tuple[str, str | None, int], AttemptFinished | AttemptFailed] = {}
    verdicts: dict[tuple[str, str | None, int], str] = {}
    for event in events:
        if isinstance(event, AttemptFinished):
            ended[event.run_id, event.task_id, event.attempt] = event
        elif isinstance(event, ValidationFinished):
            verdicts[event.run_id, event.task_id, event.attempt] = event.verdict
    return [
        _row(event, verdicts.get(key)) for key, event in ended.items() if isinstance(event, AttemptFinished)
    ]


def _row(event: AttemptFinished, verdict: str | None) -> dict[str, str]:
    return {
        "task_id": event.task_id or "",
        "model": event.tier,
        "outcome": OUTCOME.get(verdict or "", ""),
        "cost_usd": "" if event.cost_usd is None else str(event.cost_usd),
        "attempt": str(event.tier_attempt),
        "stage": str(event.attempt),
        "latency_s": f"{event.latency_s:.6g}",
        "after": event.after or "",
        "history": event.history,
        "output_tokens": str(event.usage.output),
    }


def write_outcomes(events: Iterable[Event], path: Path) -> int:
    """Write the table as CSV. The number of rows. Raises `StorageError`."""
    table = rows(events)
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    try:
        path.write_text(text.getvalue(), encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}", hint="choose another place"
        ) from error
    return len(table)
