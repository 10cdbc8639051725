"""Budgets: money is set aside before a call at its worst case, and settled at what it cost.

with a run's Budget("run", limit)
└── task = budget.child("task", limit): a reservation must fit the task's and every limit above it
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from cascade.errors import BudgetExhaustedError

ZERO = Decimal(0)


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


@dataclass(slots=True)
class Reservation:
    """Money set aside. Ends by exactly one `settle` or `release`; what comes after is ignored.

    As a context manager it releases what was not settled.
    """

    amount: Decimal
    _purses: tuple[Purse, ...] = field(repr=False)
    open: bool = True

    def settle(self, actual: Decimal | None) -> None:
        """Book the actual cost in USD. None (unknown): everything reserved counts as spent."""
        if not self.open:
            return
        self.open = False
        spent = self.amount if actual is None else actual
        for purse in self._purses:
            purse.settle(self.amount, spent)

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
    ) -> None:
        self._own = MemoryPurse(name, limit, spent=spent)
        self._above = above

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
        return Budget(limit, name=name, spent=spent, above=self._purses)

    def reserve(self, amount: Decimal) -> Reservation:
        """Set `amount` USD aside in every limit of the chain.

        Raises `BudgetExhaustedError` where one has too little left, and then nothing is set aside anywhere.
        """
        if amount < 0:
            raise ValueError(f"a reservation cannot be negative: {amount}")
        _take_all(self._purses, amount)
        return Reservation(amount, self._purses)

    @property
    def _purses(self) -> tuple[Purse, ...]:
        return (self._own, *self._above)


def _take_all(purses: tuple[Purse, ...], amount: Decimal) -> None:
    taken: list[Purse] = []
    try:
        for purse in purses:
            purse.take(amount)
            taken.append(purse)
    except BaseException:
        for purse in taken:
            purse.settle(amount, ZERO)
        raise


def exhausted(name: str, limit: Decimal, used: Decimal, amount: Decimal) -> BudgetExhaustedError:
    """The error that names limit, use and what did not fit."""
    return BudgetExhaustedError(
        f"the {name} budget of {limit} USD has {max(ZERO, limit - used)} USD left; "
        f"the next call may cost up to {amount} USD",
        hint=f"raise the {name} budget, or lower max_output_tokens so that the worst case fits",
        code=f"budget.{name}",
    )
