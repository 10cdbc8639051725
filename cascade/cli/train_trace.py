"""First attempts out of a trace, as `cascade train` wants them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cascade.cli.train_first import TrainingLog
from cascade.errors import InputError
from cascade.types import Task

if TYPE_CHECKING:
    from cascade.trace.events import Event, TaskStarted

Row = Mapping[str, str]

# A tier that a run started at on fewer tasks than this is learned from its escalations too.
_LEAST_STARTED = 20


def from_trace(path: str) -> TrainingLog:
    """Checked first attempts at each tier on a task shown afresh; several of one task are averaged.

    An unchecked answer, or a call that failed, is no outcome. Raises InputError if nothing was checked,
    StorageError if the file is no trace.
    """
    import numpy as np

    from cascade.trace.outcomes import rows
    from cascade.trace.reader import read_trace

    events = read_trace(path).events
    checked = [row for row in rows(events) if row["outcome"] and row["attempt"] == "1" and not row["after"]]
    if not checked:
        raise InputError(f"{path}: no first attempt in it was checked", hint="log some tasks first")
    picked = _fair(checked)
    tasks = list(dict.fromkeys(row["task_id"] for row in picked))
    tiers = _cheapest_first(picked)
    place = {name: k for k, name in enumerate(tasks)}
    sums, counts = np.zeros((len(tasks), len(tiers))), np.zeros((len(tasks), len(tiers)))
    for row in picked:
        cell = place[row["task_id"]], tiers.index(row["model"])
        sums[cell] += float(row["outcome"])
        counts[cell] += 1
    with np.errstate(invalid="ignore"):
        outcomes = sums / counts
    return TrainingLog(tasks=_tasks(tasks, events), tiers=tiers, outcomes=outcomes, models=_models(events))


def _fair(checked: Sequence[Row]) -> list[Row]:
    """Where a tier was started at often enough only those tasks: the others are those a cheaper tier failed."""
    started = Counter(row["model"] for row in checked if row["stage"] == "1")
    biased = sorted(
        {row["model"] for row in checked} - {t for t, n in started.items() if n >= _LEAST_STARTED}
    )
    return [row for row in checked if row["stage"] == "1" or row["model"] in biased]


def _cheapest_first(picked: Sequence[Row]) -> tuple[str, ...]:
    costs: defaultdict[str, list[float]] = defaultdict(list)
    for row in picked:
        costs[row["model"]].append(float(row["cost_usd"] or "nan"))
    mean = {tier: sum(known) / len(known) for tier, known in costs.items()}
    return tuple(sorted(mean, key=lambda tier: (mean[tier] != mean[tier], mean[tier])))


def _tasks(names: Sequence[str], events: Sequence[Event]) -> tuple[Task, ...]:
    """The tasks with the texts that the trace holds (`trace.content: full`)."""
    from cascade.trace.events import TaskStarted

    started = {event.task_id: event for event in events if isinstance(event, TaskStarted)}
    return tuple(_task(name, started.get(name)) for name in names)


def _task(name: str, event: TaskStarted | None) -> Task:
    if event is None:
        return Task(id=name, prompt="")
    return Task(
        id=name,
        prompt=event.prompt.text or "",
        files={path: content.text or "" for path, content in event.files.items()},
        tests={path: content.text or "" for path, content in event.tests.items()},
        metadata=event.metadata if isinstance(event.metadata, Mapping) else {},
    )


def _models(events: Sequence[Event]) -> dict[str, tuple[str, ...]]:
    """Model strings by tier."""
    from cascade.trace.events import AttemptFinished

    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for event in events:
        if isinstance(event, AttemptFinished):
            found[event.tier][event.model] = None
    return {tier: tuple(known) for tier, known in found.items()}
