"""What a trace leaves open: tasks without an end, calls whose fate nobody knows, and their money."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from cascade.trace.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptRetried,
    AttemptStarted,
    Event,
    TaskFinished,
    TaskResumed,
    TaskStarted,
)

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """An attempt that was begun and not ended: it may have cost what was reserved for it, or nothing.

    `reserved_usd` is None where the price is declared unknown. `requests` were made at most.
    """

    run_id: str
    task_id: str
    attempt: int
    tier: str
    reserved_usd: Decimal | None
    requests: int = 1
    shadow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the runs of a trace came.

    finished: the last end of each task. begun: tasks with a beginning. spent_usd: sum over `attempt.*`;
    unknown_usd: what requests without an answer and open calls may have cost on top, at most. shadow_usd: the part of
    both that shadows cost at most; it counts against a budget of its own.
    """

    finished: dict[str, TaskFinished] = field(default_factory=dict)
    begun: frozenset[str] = frozenset()
    open_calls: tuple[OpenCall, ...] = ()
    spent_usd: Decimal = ZERO
    unknown_usd: Decimal = ZERO
    shadow_usd: Decimal = ZERO
    unpriced: int = 0

    @property
    def unfinished(self) -> frozenset[str]:
        """Tasks that were begun and have no end."""
        return self.begun - frozenset(self.finished)

    def to_do(self, task_ids: Iterable[str]) -> list[str]:
        """Which of these a resumed run still has to do, in their order."""
        return [task_id for task_id in task_ids if task_id not in self.finished]


def progress(events: Iterable[Event]) -> Progress:
    """Read the events of one trace, of one or several runs, in order.

    A task that ended with status `error` or `budget_exhausted` is finished too; drop it from `finished` to
    have it tried again.
    """
    finished: dict[str, TaskFinished] = {}
    begun: set[str] = set()
    open_calls: dict[tuple[str, str, int], OpenCall] = {}
    spent = unknown = shadows = ZERO
    unpriced = 0
    for event in events:
        key = (event.run_id, event.task_id or "", getattr(event, "attempt", 0))
        if isinstance(event, TaskStarted | TaskResumed):
            begun.add(key[1])
        elif isinstance(event, TaskFinished):
            finished[key[1]] = event
        elif isinstance(event, AttemptStarted):
            open_calls[key] = OpenCall(
                run_id=key[0],
                task_id=key[1],
                attempt=event.attempt,
                tier=event.tier,
                reserved_usd=event.reserved_usd,
                shadow=event.shadow,
            )
        elif isinstance(event, AttemptRetried) and key in open_calls:
            open_calls[key] = _with_retry(open_calls[key], event)
        elif isinstance(event, AttemptFinished | AttemptFailed):
            open_calls.pop(key, None)
            spent += event.cost_usd or ZERO
            unknown += event.unknown_usd
            shadows += (event.cost_usd or ZERO) + event.unknown_usd if event.shadow else ZERO
            unpriced += event.cost_usd is None
    left = tuple(open_calls.values())
    return Progress(
        finished=finished,
        begun=frozenset(begun),
        open_calls=left,
        spent_usd=spent,
        unknown_usd=unknown + sum((call.reserved_usd or ZERO for call in left), ZERO),
        shadow_usd=shadows + sum((call.reserved_usd or ZERO for call in left if call.shadow), ZERO),
        unpriced=unpriced + sum(call.reserved_usd is None for call in left),
    )


def _with_retry(call: OpenCall, event: AttemptRetried) -> OpenCall:
    reserved = call.reserved_usd
    if reserved is not None and event.reserved_usd is not None:
        reserved += event.reserved_usd
    return replace(call, reserved_usd=reserved, requests=call.requests + 1)
