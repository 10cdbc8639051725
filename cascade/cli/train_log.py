"""What `cascade train` learns from: the log's first attempts as a matrix, and the texts of its tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from cascade.cli.train_first import TrainingLog, with_escalations
from cascade.cli.train_trace import from_trace
from cascade.errors import InputError
from cascade.storage import open_bytes
from cascade.types import Task

_FIELDS = ("id", "task_id", "prompt", "text", "files", "tests", "target", "workspace")
_PLAIN = (str, int, float)


def read_log(
    path: str, *, tasks: str | None, tiers: Sequence[str] | None = None, truth: str | None = None
) -> TrainingLog:
    """A trace or an outcome table with the texts of its tasks. truth: a truth file that is joined to a trace.

    Raises InputError, StorageError.
    """
    if not is_trace(path) and _first_line(path).startswith(b"{"):
        raise InputError(
            f"{path}: JSON lines, but no trace: its first line is no event",
            hint="give a trace (`cascade run --trace`) or an outcome table (CSV)",
        )
    if truth is not None and not is_trace(path):
        from cascade.replay.log import refuse_truth

        refuse_truth(path, truth)
    log = from_trace(path, truth=truth) if is_trace(path) else _from_table(path)
    log = with_escalations(log)
    if tasks is not None:
        texts = read_texts(tasks)
        log = _with_texts(log, texts, tasks)
    if tiers is not None:
        log = _only(log, tiers, path)
    return log


def read_texts(path: str) -> dict[str, Task]:
    """Tasks by id: a task file (design 5.3), or lines of `task_id`, `text` and others, which are metadata.

    A task without an id is `task-LINE`, as in a run. Raises InputError by line.
    """
    found: dict[str, Task] = {}
    with open_bytes(path, what="task file") as lines:
        for number, raw in enumerate(lines, 1):
            if raw.strip():
                task = _task(raw, path, number)
                found[task.id] = task
    if not found:
        raise InputError(f"{path}: holds no task", hint="one JSON object a line: id and prompt")
    return found


def _task(raw: bytes, path: str, number: int) -> Task:
    place = f"{path}:{number}"
    try:
        line = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InputError(f"{place}: not JSON: {error}", hint="mend the line or leave it out") from error
    fields = line if isinstance(line, dict) else {}
    unnamed = f"task-{number}" if "prompt" in fields else None
    name, prompt = fields.get("id", fields.get("task_id", unnamed)), fields.get("prompt", fields.get("text"))
    if not isinstance(name, str) or not isinstance(prompt, str):
        raise InputError(f"{place}: a task needs `id` and `prompt` (or `task_id` and `text`)")
    declared = fields.get("metadata")
    others = {key: value for key, value in fields.items() if key not in _FIELDS and isinstance(value, _PLAIN)}
    return Task(
        id=name,
        prompt=prompt,
        files=_texts(fields.get("files")),
        tests=_texts(fields.get("tests")),
        metadata=others | (declared if isinstance(declared, dict) else {}),
    )


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {path: text for path, text in value.items() if isinstance(text, str)}


def is_trace(path: str) -> bool:
    """Whether the first line is an event."""
    return b'"event"' in _first_line(path)


def _first_line(path: str) -> bytes:
    with open_bytes(path, what="log") as lines:
        return next(iter(lines), b"").lstrip(b"\xef\xbb\xbf \t")


def _from_table(path: str) -> TrainingLog:
    import numpy as np

    from cascade.replay.labelled import expected_truth
    from cascade.replay.read_table import read_table

    table = expected_truth(read_table(path))
    tried = {arm.tier for arm in table.arms if arm.attempt == 1}
    tiers = tuple(tier for tier in table.tiers if tier in tried)
    if not tiers:
        raise InputError(f"{path}: no first attempt in it", hint="attempts count from 1")
    firsts = [table.first(tier) for tier in tiers]
    outcomes = np.column_stack([table.outcome[:, k] for k in firsts])
    tasks = tuple(Task(id=name, prompt="") for name in table.tasks)
    verdicts = None if table.accepted is None else table.accepted[:, firsts]
    return TrainingLog(tasks=tasks, tiers=tiers, outcomes=outcomes, notes=table.notes, verdicts=verdicts)


def _with_texts(log: TrainingLog, texts: Mapping[str, Task], path: str) -> TrainingLog:
    """The log's tasks with their texts; those that the file does not have are left out and counted."""
    keep = [k for k, task in enumerate(log.tasks) if task.id in texts]
    if not keep:
        raise InputError(
            f"{path} has none of the log's tasks (the log's first is {log.tasks[0].id!r})",
            hint="give the task file that the log was made from",
        )
    missing = len(log.tasks) - len(keep)
    notes = (f"{missing} tasks of the log have no text in {path} and are left out",) if missing else ()
    return replace(
        log,
        tasks=tuple(texts[log.tasks[k].id] for k in keep),
        outcomes=log.outcomes[keep],
        notes=(*log.notes, *notes),
    )


def _only(log: TrainingLog, tiers: Sequence[str], path: str) -> TrainingLog:
    unknown = [tier for tier in tiers if tier not in log.tiers]
    if unknown:
        raise InputError(
            f"{path} has no outcome of {', '.join(unknown)}", hint=f"it has {', '.join(log.tiers)}"
        )
    return replace(
        log, tiers=tuple(tiers), outcomes=log.outcomes[:, [log.tiers.index(tier) for tier in tiers]]
    )
