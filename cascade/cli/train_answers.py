"""Answers that were given, for `cascade train --judge`: from a file of answers, or from the trace itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from cascade.classifiers.answer_features import Answered
from cascade.cli.train_first import TrainingLog
from cascade.cli.train_log import is_trace
from cascade.errors import InputError
from cascade.storage import open_bytes


def judged(log: TrainingLog, *, tier: str, path: str) -> tuple[TrainingLog, tuple[Answered, ...]]:
    """The log's tasks that `tier` answered, its column first, with the answers found in `path`.

    path: a trace (`content: full`), a recording, or lines of `task_id`, `model` and `response`. Raises
    InputError where the log does not know the tier, or no answer is found.
    """
    if tier not in log.tiers:
        raise InputError(f"the log has no outcome of {tier!r}", hint=f"it has {', '.join(log.tiers)}")
    answers = dict(_from_trace(path, tier) if is_trace(path) else _from_lines(path, tier))
    keep = [k for k, task in enumerate(log.tasks) if task.id in answers]
    if not keep:
        raise InputError(
            f"{path} has no first answer of {tier!r} to a task of the log",
            hint="give lines of task_id, model and response, or a trace with `content: full`",
        )
    order = (tier, *(other for other in log.tiers if other != tier))
    columns = [log.tiers.index(one) for one in order]
    chosen = TrainingLog(
        tasks=tuple(log.tasks[k] for k in keep),
        tiers=order,
        outcomes=log.outcomes[keep][:, columns],
        models=log.models,
        notes=log.notes,
    )
    return chosen, tuple(Answered(task=task, answer=answers[task.id]) for task in chosen.tasks)


def _from_trace(path: str, tier: str) -> Iterator[tuple[str, str]]:
    from cascade.trace.events import AttemptFinished
    from cascade.trace.reader import read_trace

    for event in read_trace(path).events:
        if not isinstance(event, AttemptFinished) or event.tier != tier or not event.task_id:
            continue
        said = event.output.text if event.output is not None else None
        if said is not None and event.tier_attempt == 1 and event.after is None:
            yield event.task_id, said


def _from_lines(path: str, tier: str) -> Iterator[tuple[str, str]]:
    with open_bytes(path, what="answers") as lines:
        for number, raw in enumerate(lines, 1):
            if not raw.strip():
                continue
            line = _object(raw, f"{path}:{number}")
            answer = line.get("response", line.get("completion"))
            named, text = line.get("task_id"), isinstance(answer, str)
            first = line.get("attempt", 1) == 1 and line.get("after") is None
            if line.get("model") == tier and first and isinstance(named, str) and text:
                yield named, str(answer)


def _object(raw: bytes, place: str) -> dict[str, Any]:
    try:
        line = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InputError(f"{place}: not JSON: {error}", hint="mend the line or leave it out") from error
    if not isinstance(line, dict):
        raise InputError(f"{place}: not an object", hint="one JSON object a line: task_id, model, response")
    return line
