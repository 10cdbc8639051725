"""The gate before an endpoint: concurrency, rate, asked-for pauses, and a circuit breaker."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeAlias

from cascade.models.spec import EndpointSpec, RetryPolicy

BreakerState: TypeAlias = Literal["closed", "open", "half_open"]

BREAKING = frozenset(
    {"model.unreachable", "model.timeout", "model.server", "model.overloaded", "model.interrupted"}
)


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, so that tests need not wait. Seconds."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Breaker:
    """Opens after so many failures in a row; after a cool-down lets one call through to see.

    What the endpoint answered of itself (a refusal, a rate limit) is no failure of it.
    """

    def __init__(self, policy: RetryPolicy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0
        self._probing = False
        self.opened = 0

    @property
    def state(self) -> BreakerState:
        """Where it stands."""
        if self._failures < self._policy.failures_to_open:
            return "closed"
        return "open" if self._clock.now() < self._open_until else "half_open"

    def ready_in(self) -> float:
        """Seconds until a call may pass; 0: now."""
        if self.state == "half_open":
            return self._policy.cool_down if self._probing else 0.0
        return max(0.0, self._open_until - self._clock.now()) if self.state == "open" else 0.0

    def enter(self) -> None:
        """A call passes."""
        self._probing = self._probing or self.state == "half_open"

    def leave(self, code: str | None) -> None:
        """The call ended: with a failure's code, or None for an answer."""
        probing, self._probing = self._probing, False
        if code is None:
            self._failures = 0
        if code not in BREAKING:
            return
        self._failures += 1
        if self._failures >= self._policy.failures_to_open:
            if probing or self._open_until <= self._clock.now():
                self.opened += 1
            self._open_until = self._clock.now() + self._policy.cool_down


class Gate:
    """One endpoint's gate, shared by all calls of a process, from whatever thread and event loop."""

    def __init__(self, spec: EndpointSpec, policy: RetryPolicy, clock: Clock) -> None:
        self.breaker = Breaker(policy, clock)
        self.cause = ""
        """The last failure that counted against it, in words."""
        self._clock = clock
        self._slots = spec.max_concurrency
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._interval = 60.0 / spec.requests_per_minute if spec.requests_per_minute else 0.0
        self._next_start = 0.0
        self._pause_until = 0.0

    def pause(self, seconds: float) -> None:
        """Let nobody start for so long, as a Retry-After asks."""
        self._pause_until = max(self._pause_until, self._clock.now() + seconds)

    def ready_in(self) -> float:
        """Seconds until a call may start, waiting for a free slot not counted."""
        return max(self.breaker.ready_in(), self._pause_until - self._clock.now(), 0.0)

    async def enter(self) -> None:
        """Wait for a slot and for the rate's next turn. Every `enter` needs its `leave` or `step_back`."""
        await self._take_slot()
        try:
            with self._lock:
                turn = max(self._clock.now(), self._next_start)
                self._next_start = turn + self._interval
            if turn > self._clock.now():
                await self._clock.sleep(turn - self._clock.now())
        except BaseException:  # above all a cancellation: the slot is given back, and it goes on
            self._free_slot()
            raise

    def step_back(self) -> None:
        """Give the slot back without a call."""
        self._free_slot()

    def leave(self, code: str | None) -> None:
        """The call ended: with a failure's code, or None."""
        self.breaker.leave(code)
        self._free_slot()

    async def _take_slot(self) -> None:
        with self._lock:
            if self._slots is None or self._running < self._slots:
                self._running += 1
                return
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not self._left_line(turn):
                self._free_slot()
            raise

    def _left_line(self, turn: asyncio.Future[None]) -> bool:
        """Whether it was still waiting: a slot that it was given meanwhile has to go on to the next."""
        with self._lock:
            if turn not in self._waiting:
                return False
            self._waiting.remove(turn)
            return True

    def _free_slot(self) -> None:
        """Hand the slot to the first who waits, in the event loop in which it waits."""
        with self._lock:
            while self._waiting:
                turn = self._waiting.popleft()
                with suppress(RuntimeError):  # its loop is gone, and whoever waited with it
                    turn.get_loop().call_soon_threadsafe(_finish, turn)
                    return
            self._running -= 1


def _finish(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)
