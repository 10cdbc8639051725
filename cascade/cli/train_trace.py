"""First attempts out of a trace, as `cascade train` wants them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cascade.cli.train_first import TrainingLog
from cascade.errors import InputError
from cascade.types import Task

if TYPE_CHECKING:
    from cascade.trace.events import Event

Row = Mapping[str, str]

# A tier that a run started at on fewer tasks than this is learned from its escalations too.
_LEAST_STARTED = 20


def from_trace(path: str, *, truth: str | None = None) -> TrainingLog:
    """Checked first attempts at each tier on a task shown afresh; several of one task are averaged.

    An unchecked answer, or a call that failed, is no outcome. Where ground truth is labelled in the trace or by
    `truth`, it is the outcome; an answer without any counts by how often its verdict was right on the others.
    Raises InputError if nothing was checked or a label fits no answer, StorageError if the file is no trace.
    """
    import numpy as np

    from cascade.trace.labels import read_labels
    from cascade.trace.outcomes import rows
    from cascade.trace.reader import read_trace

    events = read_trace(path).events
    made, notes = expected(rows(events, () if truth is None else read_labels(truth)))
    checked = [row for row in made if row["outcome"] and row["attempt"] == "1" and not row["after"]]
    if not checked:
        raise InputError(f"{path}: no first attempt in it was checked", hint="log some tasks first")
    picked = _fair(checked)
    tasks = list(dict.fromkeys(row["task_id"] for row in picked))
    tiers = _cheapest_first(picked)
    place = {name: k for k, name in enumerate(tasks)}
    sums, counts = np.zeros((2, len(tasks), len(tiers))), np.zeros((len(tasks), len(tiers)))
    for row in picked:
        cell = place[row["task_id"]], tiers.index(row["model"])
        sums[0][cell] += float(row["outcome"])
        sums[1][cell] += float(row.get("verdict", row["outcome"]) or row["outcome"])
        counts[cell] += 1
    with np.errstate(invalid="ignore"):
        outcomes, verdicts = sums / counts
    return TrainingLog(
        tasks=_tasks(tasks, events),
        tiers=tiers,
        outcomes=outcomes,
        models=_models(events),
        notes=notes,
        verdicts=verdicts,
    )


def expected(made: Sequence[Row]) -> tuple[list[Row], tuple[str, ...]]:
    """Rows whose checked answers without a truth count by how often their verdict was right on the others.

    By tier, pulled to the share of all tiers by two answers' worth; without any other, they stay unknown.
    """
    told: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for row in made:
        if row["outcome"] and row.get("verdict"):
            told[row["verdict"], row["model"]].append(float(row["outcome"]))
    shares = {
        (verdict, model): _share(told, verdict, model)
        for verdict, model in {(row.get("verdict", ""), row["model"]) for row in made}
    }
    found: list[Row] = []
    filled = 0
    for row in made:
        share = shares[row.get("verdict", ""), row["model"]] if not row["outcome"] else None
        found.append(row if share is None else {**row, "outcome": f"{share:.6g}"})
        filled += share is not None
    note = (
        f"{filled} checked answers without a truth count by how often such a verdict was right on the others"
    )
    return found, (note,) if filled else ()


def _share(told: Mapping[tuple[str, str], list[float]], verdict: str, model: str) -> float | None:
    every = [value for (said, _), values in told.items() if said == verdict for value in values]
    if not verdict or not every:
        return None
    own = told.get((verdict, model), [])
    return (sum(own) + 2 * sum(every) / len(every)) / (len(own) + 2)


def _fair(checked: Sequence[Row]) -> list[Row]:
    """Where a tier was started at often enough only those tasks: the others are those a cheaper tier failed.

    On tasks drawn for shadows a shadow's tier is known whoever called it: those are no choice of a policy either.
    """
    beside = {row["model"] for row in checked if not row["stage"]}
    started = Counter(row["model"] for row in checked if row["stage"] == "1")
    drawn = Counter(row["model"] for row in checked if row["sampled"] and row["model"] in beside)
    known = {tier for tier in beside if drawn[tier] >= _LEAST_STARTED}
    enough = known | {tier for tier, n in started.items() if n >= _LEAST_STARTED}
    staged = {row["model"] for row in checked if row["stage"]}
    return [
        row
        for row in checked
        if row["stage"] == "1"
        or (row["sampled"] and row["model"] in known)
        or (row["model"] not in enough and (row["stage"] or row["model"] not in staged))
    ]


def _cheapest_first(picked: Sequence[Row]) -> tuple[str, ...]:
    costs: defaultdict[str, list[float]] = defaultdict(list)
    for row in picked:
        costs[row["model"]].append(float(row["cost_usd"] or "nan"))
    mean = {tier: sum(known) / len(known) for tier, known in costs.items()}
    return tuple(sorted(mean, key=lambda tier: (mean[tier] != mean[tier], mean[tier])))


def _tasks(names: Sequence[str], events: Sequence[Event]) -> tuple[Task, ...]:
    """The tasks with the texts that the trace holds (`trace.content: full`)."""
    from cascade.cli.trace_texts import tasks_of

    started = tasks_of(events)
    return tuple(started.get(name) or Task(id=name, prompt="") for name in names)


def _models(events: Sequence[Event]) -> dict[str, tuple[str, ...]]:
    """Model strings by tier."""
    from cascade.trace.events import AttemptFinished

    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for event in events:
        if isinstance(event, AttemptFinished):
            found[event.tier][event.model] = None
    return {tier: tuple(known) for tier, known in found.items()}
