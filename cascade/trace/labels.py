"""Ground truth about logged answers: read from a file, joined to the attempts that it is about, appended to a trace.

What the checks said of an answer is in `validation.finished`; whether it was right is often known only later,
from a review, a hidden test or a user. A truth file is a CSV with `task_id` and `outcome` (1 right, 0 wrong, or a
rate between; blank: not known). It is about the answer that was given back, unless `model` (the tier) names
another: with `attempt` that tier's nth, without it its first. `attempt` without `model` is the task's nth.
`run_id` tells runs apart where a trace holds several of one task.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from cascade.errors import InputError
from cascade.storage import open_bytes
from cascade.trace.events import AttemptFinished, Event, OutcomeLabelled, TaskFinished

_NEEDED = ("task_id", "outcome")
_COLUMNS = (*_NEEDED, "model", "attempt", "run_id")


class Key(NamedTuple):
    """One answer in a trace: the run, the task, and the task's nth attempt."""

    run_id: str
    task_id: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """The truth about one answer. place: where it was written, for errors."""

    task_id: str
    outcome: float
    model: str | None = None
    attempt: int | None = None
    run_id: str | None = None
    place: str = "label"


def read_labels(path: Path | str) -> tuple[Label, ...]:
    """Read a truth file. Raises InputError with its line for what cannot be meant, or if it holds no outcome."""
    with open_bytes(path, what="truth file") as raw:
        try:
            rows = list(csv.reader(io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")))
        except (UnicodeDecodeError, csv.Error) as error:
            raise InputError(
                f"{path}: not a CSV in UTF-8: {error}", hint="save it as CSV in UTF-8"
            ) from error
    names = [name.strip() for name in rows[0]] if rows else []
    _known_columns(path, names)
    found = tuple(
        label
        for number, row in enumerate(rows[1:], 2)
        if row and (label := _label(f"{path}:{number}", names, row)) is not None
    )
    if not found:
        raise InputError(
            f"{path}: no row has an outcome", hint="write 1 (right) or 0 (wrong) beside each task_id"
        )
    return found


def _known_columns(path: Path | str, names: list[str]) -> None:
    missing = [name for name in _NEEDED if name not in names]
    strange = [name for name in names if name not in _COLUMNS]
    doubled = [name for name in names if names.count(name) > 1]
    if missing or strange or doubled:
        wrong = missing or strange or doubled
        says = "is missing" if missing else "is not known" if strange else "stands there twice"
        raise InputError(
            f"{path}:1: the column {wrong[0] or '(without a name)'} {says}",
            hint=f"a truth file has {' and '.join(_NEEDED)}, and may have model, attempt and run_id",
        )


def _label(place: str, names: list[str], row: list[str]) -> Label | None:
    if len(row) != len(names):
        raise InputError(
            f"{place}: {len(row)} fields where the header has {len(names)}", hint="mend the line"
        )
    given = {name: value.strip() for name, value in zip(names, row, strict=True)}
    if not given["outcome"]:
        return None
    if not given["task_id"]:
        raise InputError(f"{place}: no task_id", hint="say which task the outcome is of")
    number = given.get("attempt") or None
    if number is not None and (not number.isdigit() or int(number) < 1):
        raise InputError(f"{place}: attempt is {number!r}", hint="attempts count from 1")
    return Label(
        task_id=given["task_id"],
        outcome=_outcome(place, given["outcome"]),
        model=given.get("model") or None,
        attempt=None if number is None else int(number),
        run_id=given.get("run_id") or None,
        place=place,
    )


def _outcome(place: str, text: str) -> float:
    try:
        outcome = float(text)
    except ValueError:
        outcome = float("nan")
    if not 0 <= outcome <= 1:
        raise InputError(
            f"{place}: the outcome {text!r} is no number from 0 to 1",
            hint="1 is right, 0 is wrong, a rate lies between; leave it blank where it is not known",
        )
    return outcome


@dataclass(slots=True)
class _Answers:
    """The answers of one task of one run: those of each tier in turn, and which was given back."""

    by_number: dict[int, AttemptFinished] = field(default_factory=dict)
    given: int | None = None
    ended: bool = False


def truths(events: Iterable[Event], labels: Iterable[Label] = ()) -> dict[Key, float]:
    """What is known to be true of the answers of a trace: labelled in it, and by labels from outside, which win.

    Raises InputError for a label of a task or an attempt that the trace does not have, or two of one answer.
    """
    told = list(events)
    found = {
        Key(event.run_id, event.task_id or "", event.attempt): event.outcome
        for event in told
        if isinstance(event, OutcomeLabelled)
    }
    return found | {key: label.outcome for key, label in joined(told, labels).items()}


def joined(events: Iterable[Event], labels: Iterable[Label]) -> dict[Key, Label]:
    """Each label with the answer that it is about. Raises InputError as `truths` does."""
    wanted = list(labels)
    if not wanted:
        return {}
    answers = _answers(events)
    runs: dict[str, list[str]] = {}
    for run_id, task_id in answers:
        runs.setdefault(task_id, []).append(run_id)
    found: dict[Key, Label] = {}
    for label in wanted:
        key = _key(label, runs.get(label.task_id, []), answers)
        if key in found:
            raise InputError(
                f"{label.place} and {found[key].place} are about the same answer of {label.task_id!r}",
                hint="keep one of them",
            )
        found[key] = label
    return found


def _answers(events: Iterable[Event]) -> dict[tuple[str, str], _Answers]:
    found: dict[tuple[str, str], _Answers] = {}
    for event in events:
        if isinstance(event, AttemptFinished) and not event.warm:
            one = found.setdefault((event.run_id, event.task_id or ""), _Answers())
            one.by_number[event.attempt] = event
        elif isinstance(event, TaskFinished):
            one = found.setdefault((event.run_id, event.task_id or ""), _Answers())
            one.given = event.given if event.given is not None else max(one.by_number, default=None)
            one.ended = True
    return found


def _key(label: Label, runs: list[str], answers: Mapping[tuple[str, str], _Answers]) -> Key:
    if label.run_id is not None:
        runs = [run_id for run_id in runs if run_id == label.run_id]
    if not runs:
        raise InputError(
            f"{label.place}: the trace has no task {label.task_id!r}"
            + (f" in run {label.run_id}" if label.run_id is not None else ""),
            hint="give the truth file of this trace; task_id is the id in the task file",
        )
    if len(runs) > 1:
        raise InputError(
            f"{label.place}: the trace holds {len(runs)} runs of task {label.task_id!r}",
            hint=f"say which in a column run_id: {', '.join(runs[:3])}",
        )
    return Key(runs[0], label.task_id, _number(label, answers[runs[0], label.task_id]))


def _number(label: Label, answers: _Answers) -> int:
    """The task's nth attempt that a label is about."""
    if label.model is None and label.attempt is None:
        if answers.given is None:
            why = "gave no answer back" if answers.ended else "has no end"
            raise InputError(
                f"{label.place}: task {label.task_id!r} {why}", hint="name the attempt, or leave it out"
            )
        return answers.given
    if label.model is None:
        matching = [number for number in answers.by_number if number == label.attempt]
    else:
        asked = (label.model, label.attempt or 1)
        matching = [n for n, made in answers.by_number.items() if (made.tier, made.tier_attempt) == asked]
    if not matching:
        made = ", ".join(f"{one.tier} {one.tier_attempt}" for one in answers.by_number.values())
        raise InputError(
            f"{label.place}: task {label.task_id!r} has no answer {label.attempt or 1}"
            + (f" by {label.model}" if label.model else ""),
            hint=f"it has {made or 'none'} (tier and how-manieth there)",
        )
    return matching[0]
