"""What a shared prefix saved: the context's tokens that came from caches, and what the same requests cost without."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from cascade.trace.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    ContextShown,
    PriceRecord,
    UsageRecord,
)

ZERO = Decimal(0)
MILLION = Decimal(1_000_000)


@dataclass(slots=True)
class PrefixTally:
    """Sums over the requests that begin with a context. Money is USD."""

    tasks: set[str] = field(default_factory=set)
    """Trace ids of the tasks."""
    requests: int = 0
    """Attempts with an answer, warm calls left out."""
    tokens: int = 0
    """Tokens of the contexts in these requests."""
    cached: int = 0
    """How many of them came from a cache."""
    cost_usd: Decimal = ZERO
    """What these requests cost, and the warm calls."""
    without_usd: Decimal = ZERO
    """What they cost without any cache and without warm calls."""
    warm_calls: int = 0
    """Warm calls that were answered."""
    warm_usd: Decimal = ZERO
    """What warm calls cost."""
    shown: list[ContextShown] = field(default_factory=list)
    """The contexts."""
    _sizes: dict[tuple[str, str], int] = field(default_factory=dict)

    def show(self, event: ContextShown) -> None:
        """A context was read."""
        self.shown.append(event)

    def take(self, started: AttemptStarted | None, ended: AttemptFinished | AttemptFailed) -> None:
        """An attempt has ended; nothing happens if it had no context."""
        if started is None or started.context_sha256 is None:
            return
        cost = ended.cost_usd or ZERO
        self.cost_usd += cost
        if ended.warm:
            self.warm_usd += cost
        if not isinstance(ended, AttemptFinished):
            self.without_usd += ZERO if ended.warm else cost
        elif ended.warm:
            self.warm_calls += 1
            self._sizes[ended.tier, started.context_sha256] = ended.usage.input
        else:
            self._answered(ended, started.context_sha256)

    def _answered(self, ended: AttemptFinished, sha256: str) -> None:
        size = min(self._size(ended.tier, sha256, ended.usage.input), ended.usage.input)
        self.tasks.add(ended.trace_id)
        self.requests += 1
        self.tokens += size
        self.cached += min(size, ended.usage.cached_input)
        self.without_usd += sum(
            (
                _without_cache(charge.usage, charge.price) or charge.cost_usd or ZERO
                for charge in ended.charges
            ),
            ZERO,
        )

    def _size(self, tier: str, sha256: str, reported: int) -> int:
        """Tokens of the context: as a warm call was counted, else as the shortest request was."""
        size = min(self._sizes.get((tier, sha256), reported), reported)
        self._sizes[tier, sha256] = size
        return size

    @property
    def times_cheaper(self) -> float | None:
        """How many times as much the same requests cost without; None where nothing has a price."""
        return float(self.without_usd / self.cost_usd) if self.cost_usd else None

    def lines(self) -> list[str]:
        """For people: what was shown and left out, and what the cache saved."""
        lines = [line for event in self.shown for line in _shown(event)]
        if self.requests > 1:
            lines.append(self._saved())
        return lines

    def _saved(self) -> str:
        each, cached = self.tokens // self.requests, self.cached // self.requests
        tasks = f"{len(self.tasks)} task{'' if len(self.tasks) == 1 else 's'}"
        line = f"prefix: {tasks}, {cached:,} of {each:,} tokens from cache"
        times = self.times_cheaper
        if not self.cached:
            return f"{line}: the endpoint reported no cached input"
        if times is None:
            return line
        if times < 1:
            return f"{line}, {1 / times:.1f} times as expensive as without"
        return f"{line}, {times:.1f} times cheaper than without"

    def as_json(self) -> dict[str, Any]:
        """As JSON types; money as decimal strings."""
        return {
            "tasks": len(self.tasks),
            "requests": self.requests,
            "tokens": self.tokens,
            "cached_tokens": self.cached,
            "cost_usd": str(self.cost_usd),
            "without_usd": str(self.without_usd),
            "warm_calls": self.warm_calls,
            "warm_usd": str(self.warm_usd),
            "contexts": [
                {
                    "sha256": event.sha256,
                    "files": len(event.files),
                    "tokens": event.tokens,
                    "left_out": list(event.left_out),
                }
                for event in self.shown
            ],
        }


def _without_cache(usage: UsageRecord, price: PriceRecord | None) -> Decimal | None:
    """What a request's tokens cost where none came from a cache."""
    return None if price is None else (usage.input * price.input + usage.output * price.output) / MILLION


def _shown(event: ContextShown) -> list[str]:
    files = len(event.files)
    line = f"context: {files:,} file{'' if files == 1 else 's'} shown, about {event.tokens:,} tokens"
    lines = [f"{line}; {event.left_out_files:,} left out:" if event.left_out else line]
    lines += [f"  {one}" for one in event.left_out[:5]]
    if len(event.left_out) > 5:
        lines.append(f"  and {len(event.left_out) - 5:,} more lines, in the trace and in the request")
    if event.unused:
        lines.append(f"  no file is named by {', '.join(event.unused)}")
    return lines
