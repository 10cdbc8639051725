"""A config with a judge, replayed: what it says of the log's answers, and the policy that is asked then.

Where the judge's word counts, no verdict ends the task: the policy accepts, or goes on. What it keeps is right as
often as the log says that this answer is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from cascade.codec import to_json
from cascade.errors import SupportError
from cascade.evidence import JUDGED
from cascade.policy.judge import Judge
from cascade.replay.table import OutcomeTable
from cascade.trace.events import AttemptFinished, Event, JudgedRecord, TaskStarted, ValidationFinished
from cascade.trace.told import Told, task_of
from cascade.types import Task


def judged_anew(events: Iterable[Event], judge: Judge) -> list[Event]:
    """The events with what this judge says of every answer that was checked.

    What the log kept as hashes only stays as the same artefact judged it then. Raises SupportError where another
    one did, or none.
    """
    tasks: dict[tuple[str, str], Task | None] = {}
    told: dict[tuple[str, str], Told] = {}
    silent: set[tuple[str, str, int]] = set()
    changed: list[Event] = []
    for event in events:
        key = (event.run_id, event.task_id or "")
        told.setdefault(key, Told()).hear(event)
        if isinstance(event, TaskStarted):
            tasks[key] = None if event.prompt.text is None else task_of(event)
        elif isinstance(event, AttemptFinished) and (event.output is None or event.output.text is None):
            silent.add((*key, event.attempt))
        elif isinstance(event, ValidationFinished) and event.attempt in told[key].attempts:
            task = None if (*key, event.attempt) in silent else tasks.get(key)
            changed.append(_judged(event, task, told[key], judge))
            continue
        changed.append(event)
    return changed


def _judged(event: ValidationFinished, task: Task | None, told: Told, judge: Judge) -> ValidationFinished:
    attempt = told.attempts[event.attempt]
    if task is not None:
        found = judge.judged(task, attempt)
        record = None if found is None else JudgedRecord(**to_json(found))
        return event.model_copy(update={"judged": record})
    classifier = judge.classifiers.get(attempt.tier)
    if classifier is None:
        return event.model_copy(update={"judged": None})
    if event.judged is not None and event.judged.version == classifier.version:
        return event
    by = (
        "no judge" if event.judged is None else f"another judge ({event.judged.judge} {event.judged.version})"
    )
    raise SupportError(
        f"the log holds hashes of its contents only, and {by} was asked of {attempt.tier}'s answers in it, "
        f"not {classifier.name} {classifier.version}",
        hint="replay a trace that was written with `content: full`, or with this judge",
    )


def on_judge(table: OutcomeTable) -> OutcomeTable:
    """The table on which a judge's word decides where it counts.

    Raises SupportError if none was asked, or if the log does not know what is right apart from what passed.
    """
    p = table.figures.get(JUDGED)
    if p is None or not np.isfinite(p).any():
        raise SupportError(
            "the log has no answer of the tiers whose answers the config's judge knows, where its word would count",
            hint="`when: unproven` asks only where nothing that executes the answer passed",
        )
    # Without truth apart, verdicts stand for it: then all that was judged passed, and so counts as right.
    right = table.outcome[np.isfinite(p)]
    told = np.isfinite(right).any() and (table.accepted is not None or bool((right < 1).any()))
    if not told:
        raise SupportError(
            "a judge tells apart answers that the checks let pass, and the log does not say which of these are right",
            hint="label answers with what is true of them: --truth FILE, or `cascade trace label`",
        )
    accepted = np.full_like(table.outcome, np.nan) if table.accepted is None else table.accepted
    return replace(table, accepted=np.where(np.isfinite(p), 0.0, accepted), accepted_right=None)
