"""Which contexts a tier has been sent, and how many tasks share one: the state of warming in one run."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

Prefix: TypeAlias = tuple[str, str]
"""A tier's name, and the sha256 of a context."""


@dataclass(slots=True)
class Prefixes:
    """Counts the tasks at work, and remembers which prefixes were sent to which tier."""

    _at_work: Counter[Hashable] = field(default_factory=Counter)
    _sent: set[Prefix] = field(default_factory=set)
    _warming: dict[Prefix, asyncio.Future[None]] = field(default_factory=dict)
    _calls: int = 0

    @contextmanager
    def at_work(self, key: Hashable | None) -> Iterator[None]:
        """A task with this workspace and these globs is at work while the block runs."""
        self._at_work[key] += 1
        try:
            yield
        finally:
            self._at_work[key] -= 1

    def others(self, key: Hashable | None) -> int:
        """Tasks at work with the same workspace and globs, beside the one that asks."""
        return max(0, self._at_work[key] - 1)

    def first(self, prefix: Prefix) -> bool:
        """Whether no request with this prefix was sent before; from now on one was."""
        new = prefix not in self._sent
        self._sent.add(prefix)
        return new

    def was_sent(self, prefix: Prefix) -> bool:
        """Whether a request with this prefix was sent, and no warm call is under way."""
        return prefix in self._sent and prefix not in self._warming

    def next_number(self) -> int:
        """The number of the run's next warm call."""
        self._calls += 1
        return self._calls

    @contextmanager
    def warming(self, prefix: Prefix) -> Iterator[None]:
        """Requests with this prefix wait while the block runs, however it ends."""
        done = self._warming[prefix] = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            self._warming.pop(prefix, None)
            if not done.done():
                done.set_result(None)

    async def ready(self, prefix: Prefix) -> None:
        """Wait for a warm call that is under way in this event loop."""
        done = self._warming.get(prefix)
        if done is not None and done.get_loop() is asyncio.get_running_loop():
            await asyncio.shield(done)
