"""Is a trace whole, and do its sums hold? What is found is listed, nothing is repaired."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

from cascade.trace.chain import ChainCheck, check_chain
from cascade.trace.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    ChargeRecord,
    Event,
    OutcomeLabelled,
    RunFinished,
    RunStarted,
    TaskFinished,
    TaskResumed,
    TaskStarted,
    ValidationFinished,
)
from cascade.trace.open_calls import OpenCall, Progress, progress
from cascade.trace.problem import Problem
from cascade.trace.reader import TraceLog, read_trace, trace_lines

ZERO = Decimal(0)
MILLION = Decimal(1_000_000)
Attempt: TypeAlias = AttemptFinished | AttemptFailed
Placed: TypeAlias = tuple[int, Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """`problems` are faults; `notes` is what a reader should know besides (a torn line, an open run).

    `promise` says what was checked of the chain over the lines; empty where the chain was not followed.
    """

    events: int
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    progress: Progress
    promise: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is no fault."""
        return not self.problems

    @property
    def open_calls(self) -> tuple[OpenCall, ...]:
        """Calls of unknown fate."""
        return self.progress.open_calls


@dataclass(slots=True)
class _Books:
    """What has been seen of each run, task and attempt."""

    runs: dict[str, RunStarted] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    started: set[tuple[str, str, int]] = field(default_factory=set)
    ended: set[tuple[str, str, int]] = field(default_factory=set)
    of_task: dict[tuple[str, str], list[Attempt]] = field(default_factory=dict)
    of_run: dict[str, list[Attempt]] = field(default_factory=dict)
    tasks: set[tuple[str, str]] = field(default_factory=set)
    before: dict[tuple[str, str], Decimal | None] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)

    def end(self, event: Attempt) -> None:
        task_id = event.task_id or ""
        self.ended.add((event.run_id, task_id, event.attempt))
        if not event.shadow and not event.warm:
            self.of_task.setdefault((event.run_id, task_id), []).append(event)
        self.of_run.setdefault(event.run_id, []).append(event)


def verify(log: TraceLog, chain: ChainCheck | None = None) -> Verification:
    """Check a trace that was read with `strict=False`. chain: what was found along its chain of digests."""
    books = _Books()
    problems = [*log.problems, *(chain.problems if chain is not None else ())]
    if not log.events and not problems:
        problems.append(Problem(line=0, message="the file holds no event: this is no trace, or an empty one"))
    for number, event in zip(log.lines, log.events, strict=True):
        problems.extend(Problem(line=number, message=message) for message in _check(books, number, event))
    so_far = progress(log.events)
    return Verification(
        events=len(log.events),
        problems=tuple(sorted(problems, key=lambda problem: problem.line)),
        notes=tuple(_notes(log, books, so_far)),
        progress=so_far,
        promise=chain.promise if chain is not None else "",
    )


def verify_file(path: Path | str, *, key: bytes | None = None) -> Verification:
    """Check a trace file: its values, pairs and sums, and the chain over its lines.

    key: checks the signatures too. Raises as `read_trace`.
    """
    log = read_trace(path, strict=False)
    torn = log.torn.line if log.torn is not None else None
    lines = ((number, line) for number, line, _ in trace_lines(Path(path)) if number != torn)
    return verify(log, check_chain(lines, key=key))


def _notes(log: TraceLog, books: _Books, so_far: Progress) -> Iterable[str]:
    if log.torn is not None:
        yield f"line {log.torn.line} is torn: a crash cut it off, and nothing was called for it"
    for run_id in books.runs:
        if run_id not in books.closed:
            yield f"run {run_id} has no end: it was interrupted or is still running"
    for call in so_far.open_calls:
        reserved = "an unknown sum" if call.reserved_usd is None else f"{call.reserved_usd} USD"
        where = f"task {call.task_id!r} attempt {call.attempt} ({call.tier})"
        yield f"{where} has no end: up to {reserved} of unknown fate"


def _check(books: _Books, number: int, event: Event) -> Iterable[str]:
    if not isinstance(event, RunStarted) and event.run_id not in books.runs:
        yield f"{event.event} of a run that was not started"
    if event.run_id in books.closed and not isinstance(event, OutcomeLabelled):
        yield f"{event.event} after the end of its run"
    for kind, check in _CHECKS:
        if isinstance(event, kind):
            yield from check(books, number, event)


def _run_started(books: _Books, _: int, event: RunStarted) -> Iterable[str]:
    if event.run_id in books.runs:
        yield f"run {event.run_id} is started twice"
    books.runs[event.run_id] = event


def _task_started(books: _Books, _: int, event: TaskStarted) -> Iterable[str]:
    key = (event.run_id, event.task_id or "")
    if key in books.tasks:
        yield f"task {event.task_id!r} is started twice in one run"
    books.tasks.add(key)


def _task_resumed(books: _Books, _: int, event: TaskResumed) -> Iterable[str]:
    """What an earlier run did of it counts as done: its events are in that run's trace."""
    key = (event.run_id, event.task_id or "")
    if key in books.tasks:
        yield f"task {event.task_id!r} is resumed in the run that has it"
    books.tasks.add(key)
    books.before[key] = event.cost_usd
    books.ended.update((*key, number + 1) for number in range(event.attempts))


def _attempt_started(books: _Books, _: int, event: AttemptStarted) -> Iterable[str]:
    key = (event.run_id, event.task_id or "", event.attempt)
    if key in books.started:
        yield f"attempt {event.attempt} of task {event.task_id!r} is started twice"
    if not event.warm and (event.run_id, event.task_id or "") not in books.tasks:
        yield f"attempt {event.attempt} of task {event.task_id!r}, which was not started"
    books.started.add(key)


def _attempt_ended(books: _Books, _: int, event: Attempt) -> Iterable[str]:
    key = (event.run_id, event.task_id or "", event.attempt)
    if key not in books.started:
        yield f"{event.event}: attempt {event.attempt} of task {event.task_id!r} has no attempt.started"
    if key in books.ended:
        yield f"attempt {event.attempt} of task {event.task_id!r} is ended twice"
    books.end(event)
    yield from _charges(event)


def _charges(event: Attempt) -> Iterable[str]:
    """Each charge is what its tokens cost; the attempt is the sum of its charges."""
    for charge in event.charges:
        due = _due(charge)
        if due is not None and due != charge.cost_usd:
            yield f"attempt {event.attempt}: a charge of {charge.cost_usd} USD, but its tokens cost {due} USD"
    if event.charges:
        yield from _charge_sums(event)


def _charge_sums(event: Attempt) -> Iterable[str]:
    costs = [charge.cost_usd for charge in event.charges]
    total = None if None in costs else sum((cost for cost in costs if cost is not None), ZERO)
    if total != event.cost_usd:
        yield f"attempt {event.attempt}: cost_usd is {event.cost_usd}, its charges sum up to {total}"
    usages = [charge.usage for charge in event.charges]
    spent = (sum(usage.input for usage in usages), sum(usage.output for usage in usages))
    if event.usage is not None and spent != (event.usage.input, event.usage.output):
        yield f"attempt {event.attempt}: usage is not the sum over its charges"


def _due(charge: ChargeRecord) -> Decimal | None:
    """What the tokens cost at the price that is written beside them."""
    price, usage = charge.price, charge.usage
    if price is None or charge.cost_usd is None:
        return None
    fresh = usage.input - usage.cached_input - usage.cache_write_tokens
    written = price.input if price.cache_write is None else price.cache_write
    total = fresh * price.input + usage.cached_input * price.cached_input + usage.output * price.output
    return (total + usage.cache_write_tokens * written) / MILLION


def _validated(books: _Books, _: int, event: ValidationFinished) -> Iterable[str]:
    if (event.run_id, event.task_id or "", event.attempt) not in books.ended:
        yield f"validation of attempt {event.attempt} of task {event.task_id!r}, which has not ended"


def _labelled(books: _Books, _: int, event: OutcomeLabelled) -> Iterable[str]:
    if (event.run_id, event.task_id or "", event.attempt) not in books.ended:
        yield f"a label of attempt {event.attempt} of task {event.task_id!r}, which is not in the trace"


def _task_finished(books: _Books, number: int, event: TaskFinished) -> Iterable[str]:
    task_id = event.task_id or ""
    if (event.run_id, task_id) not in books.tasks:
        yield f"task {task_id!r} is finished but was not started in this run"
    if task_id in books.done:
        yield f"task {task_id!r} is finished twice, first in line {books.done[task_id]}"
    books.done[task_id] = number
    key = (event.run_id, task_id)
    before = books.before.get(key, ZERO)
    if before is not None and event.cost_usd is not None:
        yield from _same_sum(f"task {task_id!r}", event.cost_usd - before, books.of_task.get(key, []))


def _run_finished(books: _Books, _: int, event: RunFinished) -> Iterable[str]:
    books.closed.add(event.run_id)
    attempts = books.of_run.get(event.run_id, [])
    yield from _same_sum("the run", event.cost_usd, attempts)
    if event.attempts != len(attempts):
        yield f"the run says {event.attempts} attempts, the trace has {len(attempts)}"


def _same_sum(name: str, said: Decimal | None, attempts: list[Attempt]) -> Iterable[str]:
    costs = [attempt.cost_usd for attempt in attempts]
    if said is None or None in costs:
        return
    total = sum((cost for cost in costs if cost is not None), ZERO)
    if total != said:
        yield f"{name} says it cost {said} USD, its attempts sum up to {total} USD"


_CHECKS: tuple[tuple[type, Callable[..., Iterable[str]]], ...] = (
    (RunStarted, _run_started),
    (TaskStarted, _task_started),
    (TaskResumed, _task_resumed),
    (AttemptStarted, _attempt_started),
    (AttemptFinished, _attempt_ended),
    (AttemptFailed, _attempt_ended),
    (ValidationFinished, _validated),
    (OutcomeLabelled, _labelled),
    (TaskFinished, _task_finished),
    (RunFinished, _run_finished),
)
