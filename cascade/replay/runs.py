"""Several runs of one task as one row: rows that are searched and judged have to be of different tasks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cascade.replay.table import Floats, OutcomeTable


def runs_note(runs: int) -> str:
    """Said of rows that are of tasks which have another one."""
    return f"{runs} runs are of tasks that ran before: a task's runs are averaged and count as one task"


def one_row_a_task(table: OutcomeTable) -> OutcomeTable:
    """The table with the mean of each task's runs where any is known; noted. Tasks in order of appearance."""
    tasks = list(dict.fromkeys(table.tasks))
    runs = len(table.tasks) - len(tasks)
    if not runs:
        return table
    place = {task: k for k, task in enumerate(tasks)}
    rows = np.array([place[task] for task in table.tasks], dtype=np.intp)
    order = np.argsort(rows, kind="stable")
    starts = np.searchsorted(rows[order], np.arange(len(tasks)))

    def merged(values: Floats) -> Floats:
        known = np.isfinite(values)
        total = np.add.reduceat(np.where(known, values, 0.0)[order], starts, axis=0)
        count = np.add.reduceat(known[order].astype(np.float64), starts, axis=0)
        return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)

    return replace(
        table,
        tasks=tasks,
        outcome=merged(table.outcome),
        cost=merged(table.cost),
        figures={name: merged(values) for name, values in table.figures.items()},
        probabilities={name: merged(values) for name, values in table.probabilities.items()},
        accepted=None if table.accepted is None else merged(table.accepted),
        accepted_right=None if table.accepted_right is None else merged(table.accepted_right),
        verdicts={name: merged(values) for name, values in table.verdicts.items()},
        notes=(*table.notes, runs_note(runs)),
    )
