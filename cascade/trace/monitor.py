"""How the endpoints did, from a trace: latency, first token, errors by code, retries, cache hits, money."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from cascade.trace.events import AttemptFailed, AttemptFinished, ChargeRecord, Event

ZERO = Decimal(0)
QUANTILES = (0.5, 0.9, 0.99)


@dataclass(slots=True)
class CallFigures:
    """Sums over the requests to one endpoint, or of one tier.

    requests: all that were sent. retries: those that followed a failed one of the same attempt. errors: by
    code. latencies, first_tokens: seconds of the answered ones. refused: attempts that a circuit breaker kept
    back. failing: failed requests in a row, now and at most. answered_by: models that said they answered.
    """

    requests: int = 0
    retries: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    answered_by: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    first_tokens: list[float] = field(default_factory=list)
    input: int = 0
    cached_input: int = 0
    output: int = 0
    estimated: int = 0
    cut: int = 0
    refused: int = 0
    failing: int = 0
    most_failing: int = 0
    cost_usd: Decimal = ZERO
    unknown_usd: Decimal = ZERO
    unpriced: int = 0

    @property
    def error_rate(self) -> float | None:
        """Share of the requests that failed; None without requests."""
        return self.errors.total() / self.requests if self.requests else None

    @property
    def cache_hit_ratio(self) -> float | None:
        """Share of the input tokens that came from the provider's cache; None without input."""
        return self.cached_input / self.input if self.input else None

    @property
    def tokens_per_second(self) -> float | None:
        """Output tokens by second of the answered requests, waiting included; None without any."""
        seconds = sum(self.latencies)
        return self.output / seconds if seconds > 0 else None

    def add(self, charge: ChargeRecord, *, retry: bool) -> None:
        """Count one request."""
        self.requests += 1
        self.retries += retry
        self.input += charge.usage.input
        self.cached_input += charge.usage.cached_input
        self.output += charge.usage.output
        self.estimated += charge.usage.estimated
        self.cost_usd += charge.cost_usd or ZERO
        self.unpriced += charge.cost_usd is None
        self.unknown_usd += charge.worst_usd or ZERO
        if charge.answered_by is not None:
            self.answered_by[charge.answered_by] += 1
        if charge.error is None:
            self.latencies.append(charge.latency_s)
            self.failing = 0
            return
        self.errors[charge.error] += 1
        self.failing += 1
        self.most_failing = max(self.most_failing, self.failing)

    def as_json(self) -> dict[str, Any]:
        """As JSON types; money as decimal strings, times in seconds."""
        return {
            "requests": self.requests,
            "retries": self.retries,
            "errors": dict(self.errors.most_common()),
            "error_rate": self.error_rate,
            "answered_by": dict(self.answered_by.most_common()),
            "latency_s": _named(self.latencies),
            "first_token_s": _named(self.first_tokens),
            "tokens_per_second": self.tokens_per_second,
            "cache_hit_ratio": self.cache_hit_ratio,
            "estimated_usage": self.estimated,
            "cut": self.cut,
            "breaker_refused": self.refused,
            "failing_now": self.failing,
            "failing_at_most": self.most_failing,
            "cost_usd": str(self.cost_usd),
            "unknown_usd": str(self.unknown_usd),
            "unpriced": self.unpriced,
        }


@dataclass(slots=True)
class Monitor:
    """Figures by endpoint and by tier. `add` events in their order, or fold a trace by `of`."""

    endpoints: dict[str, CallFigures] = field(default_factory=dict)
    tiers: dict[str, CallFigures] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[Event]) -> Monitor:
        """Fold a whole trace."""
        monitor = cls()
        for event in events:
            monitor.add(event)
        return monitor

    def add(self, event: Event) -> None:
        """Take one event into account."""
        if not isinstance(event, AttemptFinished | AttemptFailed):
            return
        tier = self.tiers.setdefault(event.tier, CallFigures())
        for number, charge in enumerate(event.charges):
            endpoint = self.endpoints.setdefault(charge.endpoint, CallFigures())
            for figures in (tier, endpoint):
                figures.add(charge, retry=number > 0)
        last = self.endpoints.setdefault(event.endpoint, CallFigures())
        for figures in (tier, last):
            if isinstance(event, AttemptFailed):
                figures.refused += event.code == "model.breaker_open"
            else:
                figures.cut += event.finish_reason == "cut"
                if event.first_token_s is not None:
                    figures.first_tokens.append(event.first_token_s)

    def as_json(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "by_endpoint": {name: figures.as_json() for name, figures in self.endpoints.items()},
            "by_tier": {name: figures.as_json() for name, figures in self.tiers.items()},
        }

    def rows(self) -> list[tuple[str, ...]]:
        """A table as text, its head first: one row an endpoint."""
        head = (
            "endpoint",
            "requests",
            "retries",
            "errors",
            "p50 s",
            "p90 s",
            "first token",
            "cache hits",
            "USD",
        )
        return [head, *(_row(name, figures) for name, figures in self.endpoints.items())]


def quantile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that `share` of the values do not exceed (nearest rank); None without values."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _named(values: Sequence[float]) -> dict[str, float | None]:
    return {f"p{round(share * 100)}": quantile(values, share) for share in QUANTILES}


def _row(name: str, figures: CallFigures) -> tuple[str, ...]:
    errors = ", ".join(f"{code} {count}" for code, count in figures.errors.most_common()) or "-"
    if figures.refused:
        errors += f" (breaker refused {figures.refused})"
    hits = figures.cache_hit_ratio
    money = f"{figures.cost_usd:f}" + (f" (+ up to {figures.unknown_usd:f})" if figures.unknown_usd else "")
    return (
        name,
        str(figures.requests),
        str(figures.retries),
        errors,
        _seconds(quantile(figures.latencies, 0.5)),
        _seconds(quantile(figures.latencies, 0.9)),
        _seconds(quantile(figures.first_tokens, 0.5)),
        "-" if hits is None else f"{hits:.0%}",
        money + (" + unknown" if figures.unpriced else ""),
    )


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
