"""`cascade replay --revalidate`: a trace's recorded answers go through the config's validators again."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cascade.errors import UsageError

if TYPE_CHECKING:
    from cascade.config import Config
    from cascade.nodes.services import Checks
    from cascade.replay.log import Log
    from cascade.trace.events import AttemptFinished, Content, Event, TaskStarted, ValidationFinished
    from cascade.types import Attempt, Task

_HINT = "a trace holds answers and tests under `trace: {content: full}` only; an outcome table holds none"


def revalidated(path: Path, config: Config, *, truth: Path | None = None) -> Log:
    """The log with every verdict made anew. Nothing is called, the trace itself is not changed.

    truth: a truth file, which like the labels in the trace is held against the new verdicts.

    Raises UsageError if the log holds no answers.
    """
    from cascade.trace.reader import read_trace

    if path.name.removesuffix(".gz").endswith((".csv", ".parquet")):
        raise UsageError(f"{path} holds no answers to check again", hint=_HINT)
    return _read_again(asyncio.run(_checked_again(read_trace(path).events, config)), config, truth)


def rejudged(path: Path, config: Config, *, truth: Path | None = None) -> Log:
    """The log with what the config's judge says of every answer. Raises SupportError where it holds no answers."""
    from cascade.trace.reader import read_trace

    return _read_again(read_trace(path).events, config, truth)


def _read_again(events: Sequence[Event], config: Config, truth: Path | None) -> Log:
    from cascade.replay.judged import judged_anew
    from cascade.replay.log import read_log
    from cascade.wiring.parts import judge

    wanted = judge(config)
    if wanted is not None:
        events = judged_anew(events, wanted)
    with tempfile.TemporaryDirectory(prefix="cascade-") as folder:
        changed = Path(folder) / "trace.jsonl"
        changed.write_text("".join(f"{event.model_dump_json(by_alias=True)}\n" for event in events), "utf-8")
        return read_log(changed, truth=truth)


async def _checked_again(events: Iterable[Event], config: Config) -> list[Event]:
    from cascade.trace.events import AttemptFinished, TaskStarted, ValidationFinished
    from cascade.wiring import open_checks

    checking = open_checks(config)
    tasks: dict[str, Task] = {}
    answers: dict[tuple[str, int], Attempt] = {}
    changed: list[Event] = []
    try:
        for event in events:
            if isinstance(event, TaskStarted):
                tasks[event.trace_id] = _task(event)
            elif isinstance(event, AttemptFinished):
                answers[event.trace_id, event.attempt] = _answer(event)
            elif isinstance(event, ValidationFinished):
                answer = answers.get((event.trace_id, event.attempt))
                if answer is not None and event.trace_id in tasks:
                    changed.append(await _verdict(event, tasks[event.trace_id], answer, checking.checks))
                    continue
            changed.append(event)
    finally:
        await checking.aclose()
    return changed


async def _verdict(
    event: ValidationFinished, task: Task, answer: Attempt, checks: Checks
) -> ValidationFinished:
    from cascade.nodes.check import candidate_of, read_files, validator_record
    from cascade.types import Verdict

    attempt, report = read_files(task, answer, None)
    verdict = await checks.check(task, candidate_of(attempt)) if report is None else Verdict.of([report])
    records = tuple(validator_record(one) for one in verdict.reports)
    changed = {"verdict": verdict.status, "validators": records, "skipped": tuple(verdict.skipped)}
    return event.model_copy(update=changed)


def _task(event: TaskStarted) -> Task:
    from cascade.types import Task

    if event.prompt.text is None:
        raise UsageError("the trace holds hashes of its contents only", hint=_HINT)

    def texts(contents: Mapping[str, Content]) -> dict[str, str]:
        return {path: content.text or "" for path, content in contents.items()}

    return Task(
        id=event.task_id or "task",
        prompt=event.prompt.text,
        files=texts(event.files),
        tests=texts(event.tests),
        target=event.target,
    )


def _answer(event: AttemptFinished) -> Attempt:
    from cascade.types import Attempt

    text = event.output.text if event.output is not None else None
    if text is None:
        raise UsageError("the trace holds no answers", hint=_HINT)
    return Attempt(number=event.attempt, tier=event.tier, output=text, finish_reason=event.finish_reason)
