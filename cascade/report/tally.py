"""Sums over a trace's events, one event at a time.

A run's table and `cascade report` fold the same events through this, so they cannot disagree.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from cascade.notices import Notice, Notices
from cascade.report.prefix import PrefixTally
from cascade.trace.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    ContextShown,
    Event,
    RouteDecided,
    RunStarted,
    ShadowDrawn,
    ShadowSkipped,
    TaskFinished,
    UsageRecord,
    ValidationFinished,
)
from cascade.types import Usage

ZERO = Decimal(0)


@dataclass(slots=True)
class TierTally:
    """One tier's sums. `cost_usd` is over what has a price, `unpriced` counts attempts without one."""

    attempts: int = 0
    accepted: int = 0
    passed: int = 0
    failed: int = 0
    unchecked: int = 0
    errors: int = 0
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal = ZERO
    unknown_usd: Decimal = ZERO
    wasted_usd: Decimal = ZERO
    unpriced: int = 0
    seconds: float = 0.0

    @property
    def cache_hit_ratio(self) -> float | None:
        """Share of the input tokens that came from the provider's cache; None without input."""
        return self.usage.cached_input / self.usage.input if self.usage.input else None

    def __add__(self, other: TierTally) -> TierTally:
        return TierTally(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def as_json(self) -> dict[str, Any]:
        """As JSON types; money as decimal strings."""
        return {
            "attempts": self.attempts,
            "accepted": self.accepted,
            "passed": self.passed,
            "failed": self.failed,
            "unchecked": self.unchecked,
            "errors": self.errors,
            "tokens": tokens(self.usage),
            "cost_usd": str(self.cost_usd),
            "unknown_usd": str(self.unknown_usd),
            "wasted_usd": str(self.wasted_usd),
            "unpriced": self.unpriced,
            "seconds": round(self.seconds, 3),
            "cache_hit_ratio": self.cache_hit_ratio,
        }


@dataclass(slots=True)
class CheckTally:
    """One validator's sums."""

    passed: int = 0
    failed: int = 0
    unchecked: int = 0
    seconds: float = 0.0
    why_unchecked: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class JudgeTally:
    """What one judge said: answers judged, the sum of their P, and how many fell below what it accepts."""

    answers: int = 0
    sum_p: float = 0.0
    below: int = 0

    def as_json(self) -> dict[str, Any]:
        """As JSON types."""
        return {"answers": self.answers, "mean_p": self.sum_p / self.answers, "below_accept": self.below}


@dataclass(slots=True)
class Tally:
    """All sums of one trace. `add` events in their order.

    `shadows` and `warm` calls are apart from `tiers`; `prefix`: what the requests have in common; `sampled`: tasks
    that were drawn for shadows; `skipped`: shadows that were not made, by code.
    """

    tiers: dict[str, TierTally] = field(default_factory=dict)
    shadows: dict[str, TierTally] = field(default_factory=dict)
    warm: dict[str, TierTally] = field(default_factory=dict)
    prefix: PrefixTally = field(default_factory=PrefixTally)
    sampled: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    checks: dict[str, CheckTally] = field(default_factory=dict)
    judges: dict[str, JudgeTally] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    warnings: Notices = field(default_factory=Notices)
    node_seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    task_seconds: list[float] = field(default_factory=list)
    sandbox: tuple[str, ...] = ()
    runs: int = 0
    _open: dict[tuple[str, str | None, int], AttemptStarted] = field(default_factory=dict)
    _of_task: dict[str, list[tuple[int, str, Decimal]]] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[Event]) -> Tally:
        """Fold a whole trace."""
        tally = cls()
        for event in events:
            tally.add(event)
        return tally

    def add(self, event: Event) -> None:
        """Take one event into account."""
        if isinstance(event, RunStarted):
            self.runs += 1
            self.sandbox = event.sandbox
        elif isinstance(event, RouteDecided):
            self.node_seconds["classify"] += event.latency_s
        elif isinstance(event, ContextShown):
            self.prefix.show(event)
        elif isinstance(event, AttemptStarted):
            self._open[_key(event)] = event
        elif isinstance(event, AttemptFinished | AttemptFailed):
            self._ended(event)
        elif isinstance(event, ValidationFinished):
            self._validated(event)
        elif isinstance(event, TaskFinished):
            self._finished(event)
        elif isinstance(event, ShadowDrawn):
            self.sampled += event.sampled
        elif isinstance(event, ShadowSkipped):
            self.skipped[event.code] += 1

    @property
    def total(self) -> TierTally:
        """Sums over all tiers, shadows and warm calls included."""
        return sum([*self.tiers.values(), *self.warm.values()], self.shadow)

    @property
    def shadow(self) -> TierTally:
        """Sums over all shadows."""
        return sum(self.shadows.values(), TierTally())

    @property
    def tasks(self) -> int:
        """Tasks that ended."""
        return self.statuses.total()

    @property
    def accepted(self) -> int:
        """Tasks that ended accepted."""
        return self.statuses["accepted"]

    @property
    def open_attempts(self) -> list[AttemptStarted]:
        """Calls that began and never ended: money of unknown fate, at most what was reserved."""
        return list(self._open.values())

    def _tier(self, name: str, *, shadow: bool = False, warm: bool = False) -> TierTally:
        rows = self.shadows if shadow else self.warm if warm else self.tiers
        return rows.setdefault(name, TierTally())

    def _ended(self, event: AttemptFinished | AttemptFailed) -> None:
        self.prefix.take(self._open.pop(_key(event), None), event)
        tier = self._tier(event.tier, shadow=event.shadow, warm=event.warm)
        tier.attempts += 1
        tier.usage += _usage(event.usage)
        tier.seconds += event.latency_s
        tier.unknown_usd += event.unknown_usd
        tier.cost_usd += event.cost_usd or ZERO
        tier.unpriced += event.cost_usd is None
        node = "shadow" if event.shadow else "warm" if event.warm else "generate"
        self.node_seconds[node] += event.latency_s
        for warning in event.warnings:
            self.warnings.add(Notice(**warning.model_dump()))
        if not event.shadow and not event.warm:
            made = (event.attempt, event.tier, event.cost_usd or ZERO)
            self._of_task.setdefault(event.trace_id, []).append(made)
        if isinstance(event, AttemptFailed):
            tier.errors += 1
            self.errors[event.code] += 1

    def _validated(self, event: ValidationFinished) -> None:
        self.node_seconds["shadow" if event.shadow else "validate"] += event.latency_s
        if event.tier is not None:
            tier = self._tier(event.tier, shadow=event.shadow)
            setattr(tier, event.verdict, getattr(tier, event.verdict) + 1)
        if event.judged is not None:
            judge = self.judges.setdefault(event.judged.judge, JudgeTally())
            judge.answers += 1
            judge.sum_p += event.judged.p
            judge.below += event.judged.p < event.judged.accept
        for record in event.validators:
            check = self.checks.setdefault(record.name, CheckTally())
            setattr(check, record.status, getattr(check, record.status) + 1)
            check.seconds += record.latency_s
            if record.status == "unchecked":
                check.why_unchecked[(record.detail or "").split("\n")[0]] += 1

    def _finished(self, event: TaskFinished) -> None:
        self.statuses[event.status] += 1
        self.task_seconds.append(event.latency_s)
        costs = self._of_task.pop(event.trace_id, [])
        kept = event.status == "accepted"
        if kept and event.tier is not None:
            self._tier(event.tier).accepted += 1
        given = event.given if event.given is not None else (costs[-1][0] if costs else 0)
        for number, tier, cost in costs:
            if not (kept and number == given):
                self._tier(tier).wasted_usd += cost

    def as_json(self) -> dict[str, Any]:
        """As JSON types; money as decimal strings."""
        total = self.total
        return {
            "tasks": self.tasks,
            "accepted": self.accepted,
            "statuses": dict(self.statuses),
            "cost_usd": str(total.cost_usd),
            "unknown_usd": str(total.unknown_usd + self.open_usd),
            "unpriced": total.unpriced,
            "tokens": tokens(total.usage),
            "by_tier": {name: tier.as_json() for name, tier in self.tiers.items()},
            "shadow": self._shadow_json(),
            "warm": {name: tier.as_json() for name, tier in self.warm.items()},
            "prefix": self.prefix.as_json(),
            "by_node": {name: {"seconds": round(seconds, 3)} for name, seconds in self.node_seconds.items()},
            "by_validator": {name: _check_json(check) for name, check in self.checks.items()},
            "by_judge": {name: judge.as_json() for name, judge in self.judges.items()},
            "errors": dict(self.errors),
            "warnings": [
                {
                    "code": each.code,
                    "subject": each.subject,
                    "message": each.message,
                    "hint": each.hint,
                    "count": n,
                }
                for each, n in self.warnings.counted()
            ],
            "open_attempts": len(self._open),
            "sandbox": list(self.sandbox),
        }

    def _shadow_json(self) -> dict[str, Any]:
        return {
            "tasks": self.sampled,
            "cost_usd": str(self.shadow.cost_usd),
            "skipped": dict(self.skipped),
            "by_tier": {name: tier.as_json() for name, tier in self.shadows.items()},
        }

    @property
    def open_usd(self) -> Decimal:
        """What calls without an end may have cost at most."""
        return sum((event.reserved_usd or ZERO for event in self._open.values()), ZERO)


def tokens(usage: Usage) -> dict[str, int]:
    """Tokens by class. `input` includes `cached_input` and `cache_write_tokens`, `output` includes `reasoning`."""
    return {
        "input": usage.input,
        "cached_input": usage.cached_input,
        "cache_write_tokens": usage.cache_write_tokens,
        "output": usage.output,
        "reasoning": usage.reasoning,
    }


def _key(event: AttemptStarted | AttemptFinished | AttemptFailed) -> tuple[str, str | None, int]:
    return event.trace_id, event.task_id, event.attempt


def _usage(record: UsageRecord | None) -> Usage:
    return Usage(**record.model_dump()) if record is not None else Usage()


def _check_json(check: CheckTally) -> dict[str, Any]:
    return {
        "passed": check.passed,
        "failed": check.failed,
        "unchecked": check.unchecked,
        "seconds": round(check.seconds, 3),
        "why_unchecked": dict(check.why_unchecked.most_common(5)),
    }
