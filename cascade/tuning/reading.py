"""The tasks of a log whose texts are given: those that a search with texts can learn from and judge on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cascade.errors import InputError
from cascade.replay.parts import Held, Part
from cascade.tuning.fitted import LEAST_TASKS, FittedLog
from cascade.tuning.texts import Texts
from cascade.types import Task

_ALL = (0.0, 1.0)
_MOST_TASKS = 20_000


def read(fit: FittedLog, tasks: Mapping[str, Task], *, seed: int) -> tuple[FittedLog, Texts]:
    """The log's tasks that have a text, at most 20,000 (drawn by ids and seed), and their features.

    What is left out is noted. Raises InputError if fewer than 30 have one.
    """
    table, count = fit.sample(_ALL, _MOST_TASKS, seed)
    told = [k for k, name in enumerate(table.tasks) if name in tasks and tasks[name].prompt]
    if len(told) < LEAST_TASKS:
        raise InputError(
            f"{len(told)} of the log's {count} tasks have a text: at least {LEAST_TASKS} are needed",
            hint="give the task file that the log was made from, or leave --tasks out",
        )
    notes = list(fit.about.notes)
    if len(table) < count:
        notes.append(f"texts are read, so {len(table)} of the log's {count} tasks are drawn")
    if len(told) < len(table):
        notes.append(f"{len(table) - len(told)} tasks have no text and are left out")
    table = replace(table.rows(np.array(told, dtype=np.intp)), notes=tuple(notes))
    about = replace(fit.about, notes=tuple(notes))
    texts = Texts({name: tasks[name] for name in table.tasks})
    return FittedLog(Held((Part.of(table),)), about, len(table)), texts
