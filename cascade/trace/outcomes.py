"""A trace as an outcome table (design 5.6): one row an attempt that was checked or failed."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from cascade.errors import StorageError
from cascade.evidence import figure
from cascade.trace.events import Event
from cascade.trace.told import told
from cascade.types import Attempt

FIGURES = ("latency_s", "output_tokens")
COLUMNS = ("task_id", "model", "outcome", "cost_usd", "attempt", "stage", "after", "history", *FIGURES)
OUTCOME = {"passed": "1", "failed": "0"}


def rows(events: Iterable[Event]) -> list[dict[str, str]]:
    """Rows by `COLUMNS`, and what each attempt left behind (`cascade.evidence`), blank where it is not known.

    `model` is the tier, `attempt` the tier's nth on the task, `stage` the task's nth attempt. An answer that could
    not be checked has an empty outcome; a call that failed is no outcome and has no row.
    """
    known = told(events)
    left = {key: one.evidence() for key, one in known.items()}
    every = dict.fromkeys(name for one in left.values() for found in one.values() for name in found)
    names = [*FIGURES, *sorted(set(every) - set(COLUMNS))]
    return [
        _row(task, attempt, {name: figure(left[run, task][number], name) for name in names})
        for (run, task), one in known.items()
        for number, attempt in one.attempts.items()
    ]


def _row(task: str, attempt: Attempt, figures: Mapping[str, float]) -> dict[str, str]:
    verdict = attempt.verdict.status if attempt.verdict is not None else ""
    return {
        "task_id": task,
        "model": attempt.tier,
        "outcome": OUTCOME.get(verdict, ""),
        "cost_usd": "" if attempt.cost_usd is None else str(attempt.cost_usd),
        "attempt": str(attempt.tier_attempt),
        "stage": str(attempt.number),
        "after": attempt.after or "",
        "history": attempt.history,
        **{name: "" if math.isnan(value) else f"{value:.9g}" for name, value in figures.items()},
    }


def write_outcomes(events: Iterable[Event], path: Path) -> int:
    """Write the table as CSV. The number of rows. Raises `StorageError`."""
    table = rows(events)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(table[0]) if table else COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    try:
        path.write_text(text.getvalue(), encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}", hint="choose another place"
        ) from error
    return len(table)
