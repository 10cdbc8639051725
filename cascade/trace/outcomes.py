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
from cascade.trace.labels import Key, Label, truths
from cascade.trace.told import Told, told
from cascade.types import Attempt, Verdict

FIGURES = ("latency_s", "output_tokens")
COLUMNS = (
    "task_id",
    "model",
    "outcome",
    "cost_usd",
    "attempt",
    "stage",
    "after",
    "history",
    "sampled",
    *FIGURES,
)
OUTCOME = {"passed": "1", "failed": "0"}
FORM = ("extract", "early_stop", "workspace")
"""Reports on an answer's form: what is wrong there fails it whatever the validators."""


def rows(events: Iterable[Event], labels: Iterable[Label] = ()) -> list[dict[str, str]]:
    """Rows by `COLUMNS`, and what each attempt left behind (`cascade.evidence`), blank where it is not known.

    `model` is the tier, `attempt` the tier's nth on the task, `stage` the task's nth attempt. An answer that could
    not be checked has an empty outcome; a call that failed is no outcome and has no row. A shadow has no stage;
    `sampled` is 1 on every row of a task that was drawn for shadows, else blank. Where the trace or `labels`
    hold ground truth, the outcome is that, blank where it is not known, and `verdict`, `verdict:NAME` and
    `latency:NAME` are what the checks said and took. Raises InputError for a label that fits no answer.
    """
    events = list(events)
    truth = truths(events, labels)
    known = told(events)
    names = _validators(known.values()) if truth else []
    left = {key: one.evidence() for key, one in known.items()}
    every = dict.fromkeys(name for one in left.values() for found in one.values() for name in found)
    figures = [*FIGURES, *sorted(set(every) - set(COLUMNS))]
    found = []
    for (run, task), one in known.items():
        for number, attempt in one.attempts.items():
            row = _row(task, attempt, one, {name: figure(left[run, task][number], name) for name in figures})
            if truth:
                outcome = truth.get(Key(run, task, number))
                row |= {
                    "outcome": "" if outcome is None else f"{outcome:.9g}",
                    **_said(attempt.verdict, names),
                }
            found.append(row)
    return found


def _validators(tasks: Iterable[Told]) -> list[str]:
    """Every validator that had a say, in order of appearance; reports on an answer's form are none."""
    verdicts = [a.verdict for one in tasks for a in one.attempts.values() if a.verdict is not None]
    names = dict.fromkeys(name for verdict in verdicts for name in verdict.skipped)
    names = dict.fromkeys(report.name for verdict in verdicts for report in verdict.reports) | names
    return [name for name in names if name not in FORM]


def _said(verdict: Verdict | None, names: Iterable[str]) -> dict[str, str]:
    """What the checks said; an answer whose form is wrong fails them all, what was skipped let it pass."""
    status = {report.name: report.status for report in verdict.reports} if verdict is not None else {}
    skipped = verdict.skipped if verdict is not None else {}
    seconds = {report.name: report.latency_s for report in verdict.reports} if verdict is not None else {}
    misshapen = any(status.get(name) == "failed" for name in FORM)
    row = {"verdict": OUTCOME.get(verdict.status, "") if verdict is not None else ""}
    for name in names:
        said = "failed" if misshapen else "passed" if name in skipped else status.get(name, "")
        row[f"verdict:{name}"] = OUTCOME.get(said, "")
        row[f"latency:{name}"] = f"{seconds[name]:.6g}" if name in seconds else ""
    return row


def _row(task: str, attempt: Attempt, of: Told, figures: Mapping[str, float]) -> dict[str, str]:
    verdict = attempt.verdict.status if attempt.verdict is not None else ""
    return {
        "task_id": task,
        "model": attempt.tier,
        "outcome": OUTCOME.get(verdict, ""),
        "cost_usd": "" if attempt.cost_usd is None else str(attempt.cost_usd),
        "attempt": str(attempt.tier_attempt),
        "stage": "" if attempt.number in of.shadows else str(attempt.number),
        "after": attempt.after or "",
        "history": attempt.history,
        "sampled": "1" if of.sampled else "",
        **{name: "" if math.isnan(value) else f"{value:.9g}" for name, value in figures.items()},
    }


def write_outcomes(events: Iterable[Event], path: Path, labels: Iterable[Label] = ()) -> int:
    """Write the table as CSV. The number of rows. Raises `StorageError`, and InputError as `rows`."""
    table = rows(events, labels)
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
