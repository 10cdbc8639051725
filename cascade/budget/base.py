"""Budgets: money is set aside before a call at its worst case, and settled at what it cost.

with a run's Budget("run", limit)
└── task = budget.child("task", limit): a reservation must fit the task's and every limit above it
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from typing import Protocol

from cascade.errors import BudgetExhaustedError

ZERO = Decimal(0)
KEYS = {
    "task": "budget.per_task_usd",
    "run": "budget.total_usd",
    "total": "budget.total_usd",
    "day": "budget.per_day_usd",
    "shadow": "shadow.budget_usd",
}
"""The config's key of each budget, by its name."""
PATIENCE_S = 900.0  # as long as a call may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a run that is resumed has spent before, in USD: its tasks, and apart from them their shadows."""

    tasks_usd: Decimal = ZERO
    shadows_usd: Decimal = ZERO


class Purse(Protocol):
    """Keeps a sum that must stay within a limit. All amounts are USD."""

    @property
    def name(self) -> str:
        """What it is for, in errors: run, task, day."""
        ...

    def take(self, amount: Decimal) -> None:
        """Set aside, or raise `BudgetExhaustedError` and set nothing aside."""
        ...

    def settle(self, reserved: Decimal, actual: Decimal) -> None:
        """Give back what was set aside and book what it cost."""
        ...

    def left(self) -> Decimal | None:
        """What may still be set aside; None: no limit."""
        ...

    def hopeless(self, amount: Decimal) -> bool:
        """Whether `amount` would not fit even if all that is set aside came back."""
        ...


class WaitingLine:
    """Who waits for money to come back, in one process: first come, first served.

    Only the first in line looks again when something was settled. Money that another process gives back is
    looked for now and then.
    """

    LOOK_EVERY_S = 0.25

    def __init__(self) -> None:
        self._line: deque[asyncio.Future[None]] = deque()
        self._first: asyncio.Future[None] | None = None

    @property
    def empty(self) -> bool:
        """Whether nobody waits."""
        return not self._line

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait to be the first in line, and stay so within the block."""
        mine = asyncio.get_running_loop().create_future()
        self._line.append(mine)
        try:
            if self._line[0] is not mine:
                await mine
            yield
        finally:
            self._line.remove(mine)
            if self._line:
                _soon(self._line[0])

    async def settled(self) -> None:
        """The first in line waits until something was settled, or for a little while."""
        self._first = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait_for(self._first, self.LOOK_EVERY_S)
        except TimeoutError:
            pass
        finally:
            self._first = None

    def wake(self) -> None:
        """Something was settled."""
        if self._first is not None:
            _soon(self._first)


def _soon(future: asyncio.Future[None]) -> None:
    with suppress(RuntimeError):  # its loop is gone, and whoever waited with it
        future.get_loop().call_soon_threadsafe(_finish, future)


def _finish(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)


@dataclass(slots=True)
class Reservation:
    """Money set aside. Ends by exactly one `settle` or `release`; what comes after is ignored.

    As a context manager it releases what was not settled. It belongs to the process that made it: a forked child's
    copy settles nothing.
    """

    amount: Decimal
    _purses: tuple[Purse, ...] = field(repr=False)
    _line: WaitingLine = field(repr=False)
    open: bool = True
    _pid: int = field(default_factory=os.getpid, repr=False)

    def settle(self, actual: Decimal | None) -> None:
        """Book the actual cost in USD. None (unknown): everything reserved counts as spent."""
        if not self.open or self._pid != os.getpid():
            return
        self.open = False
        spent = self.amount if actual is None else actual
        for purse in self._purses:
            purse.settle(self.amount, spent)
        self._line.wake()

    def extend(self, amount: Decimal) -> None:
        """Set as much again aside for another request. Raises `BudgetExhaustedError` and changes nothing."""
        if not self.open:
            raise ValueError("the reservation has been settled")
        _take_all(self._purses, amount)
        self.amount += amount

    def release(self) -> None:
        """Nothing was billed: give all of it back."""
        self.settle(ZERO)

    def __enter__(self) -> Reservation:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class MemoryPurse:
    """A limit kept in this process; safe under threads and asyncio."""

    def __init__(self, name: str, limit: Decimal | None = None, *, spent: Decimal = ZERO) -> None:
        self.name = name
        self.limit = limit
        self.spent = spent
        self.reserved = ZERO
        self._lock = threading.Lock()

    def take(self, amount: Decimal) -> None:
        """Set aside, or raise."""
        with self._lock:
            if self.limit is not None and self.spent + self.reserved + amount > self.limit:
                raise exhausted(self.name, self.limit, self.spent + self.reserved, amount)
            self.reserved += amount

    def settle(self, reserved: Decimal, actual: Decimal) -> None:
        """Book the actual cost."""
        with self._lock:
            self.reserved -= reserved
            self.spent += actual

    def left(self) -> Decimal | None:
        """What may still be set aside."""
        with self._lock:
            return None if self.limit is None else max(ZERO, self.limit - self.spent - self.reserved)

    def hopeless(self, amount: Decimal) -> bool:
        """Whether `amount` would not fit even if all that is set aside came back."""
        with self._lock:
            return self.limit is not None and self.spent + amount > self.limit


class Budget:
    """A chain of limits: this one and all above it. `Budget()` has no limit and only counts.

    limit: USD, None for no limit. spent: USD already spent before (a resumed run). above: further limits
    that each reservation must fit too, for example a `BudgetFile` shared between processes.
    """

    def __init__(
        self,
        limit: Decimal | None = None,
        *,
        name: str = "run",
        spent: Decimal = ZERO,
        above: tuple[Purse, ...] = (),
        line: WaitingLine | None = None,
    ) -> None:
        self._own = MemoryPurse(name, limit, spent=spent)
        self._above = above
        self._line = line or WaitingLine()

    @property
    def spent(self) -> Decimal:
        """Settled USD."""
        return self._own.spent

    @property
    def reserved(self) -> Decimal:
        """USD set aside and not settled yet."""
        return self._own.reserved

    @property
    def limit(self) -> Decimal | None:
        """USD; None: no limit."""
        return self._own.limit

    def left(self) -> Decimal | None:
        """The least that any limit of the chain still has; None: no limit anywhere."""
        known = [left for purse in self._purses if (left := purse.left()) is not None]
        return min(known) if known else None

    def child(self, limit: Decimal | None, *, name: str = "task", spent: Decimal = ZERO) -> Budget:
        """A budget within this one, for example a task's."""
        return Budget(limit, name=name, spent=spent, above=self._purses, line=self._line)

    def reserve(self, amount: Decimal) -> Reservation:
        """Set `amount` USD aside in every limit of the chain.

        Raises `BudgetExhaustedError` where one has too little left, and then nothing is set aside anywhere.
        """
        if amount < 0:
            raise ValueError(f"a reservation cannot be negative: {amount}")
        _take_all(self._purses, amount)
        return Reservation(amount, self._purses, self._line)

    async def acquire(self, amount: Decimal, *, patience_s: float = PATIENCE_S) -> Reservation:
        """`reserve`, but wait while money that others have set aside may still come back.

        A call's worst case is far above what it costs, so that with many tasks at once most of a budget is set
        aside and little is spent. Raises `BudgetExhaustedError` once the amount cannot fit any more, or after
        `patience_s` seconds.
        """
        if self._line.empty:
            with suppress(BudgetExhaustedError):
                return self.reserve(amount)
        until = time.monotonic() + patience_s
        async with self._line.turn():
            while True:
                try:
                    return self.reserve(amount)
                except BudgetExhaustedError:
                    if time.monotonic() >= until or any(purse.hopeless(amount) for purse in self._purses):
                        raise
                await self._line.settled()

    @property
    def _purses(self) -> tuple[Purse, ...]:
        return (self._own, *self._above)


def _take_all(purses: tuple[Purse, ...], amount: Decimal) -> None:
    taken: list[Purse] = []
    try:
        for purse in purses:
            purse.take(amount)
            taken.append(purse)
    except BaseException:  # whatever it is, nothing stays set aside; it goes on to the caller
        for purse in taken:
            purse.settle(amount, ZERO)
        raise


def exhausted(name: str, limit: Decimal, used: Decimal, amount: Decimal) -> BudgetExhaustedError:
    """The error that names limit, use, what did not fit, and what would have been enough."""
    key = KEYS.get(name, f"max_usd of the node {name}")
    return BudgetExhaustedError(
        f"the {name} budget of {limit} USD has {max(ZERO, limit - used)} USD left; "
        f"the next call may cost up to {amount} USD; {key}: {rounded_up(used + amount)} would be enough for it",
        hint=f"raise {key}, or lower max_output_tokens so that the worst case fits",
        code=f"budget.{name}",
    )


def rounded_up(amount: Decimal) -> Decimal:
    """The next amount of two digits that is no less."""
    if amount <= 0:
        return ZERO
    step = Decimal(1).scaleb(amount.adjusted() - 1)
    rounded = amount.quantize(step, rounding=ROUND_CEILING)
    return rounded.normalize() if rounded < 1 else rounded.quantize(min(step, Decimal(1)))
