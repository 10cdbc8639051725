"""A budget file: one limit for all processes that share it, by day or for good. SQLite keeps it whole.

What a process had reserved when it died stays reserved: it may have been spent. `orphans` lists it.
"""

from __future__ import annotations

import os
import secrets
import socket
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Literal

from cascade.budget.base import ZERO, Budget, MemoryPurse, Purse, exhausted
from cascade.errors import StorageError
from cascade.forks import ForkAware, follow_forks

WAIT_S = 30.0  # for another process that writes

# Connections that a child found open: closed by it they would break the parent's locks.
_INHERITED: list[_Connection] = []
_SCHEMA = """
CREATE TABLE IF NOT EXISTS purse (
    period TEXT NOT NULL,
    holder TEXT NOT NULL,
    pid INTEGER NOT NULL,
    host TEXT NOT NULL,
    spent TEXT NOT NULL,
    reserved TEXT NOT NULL,
    PRIMARY KEY (period, holder)
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """What a process of this machine that is gone had reserved and never settled."""

    period: str
    pid: int
    reserved_usd: Decimal


class _Connection(sqlite3.Connection):
    """Closes itself where it is dropped."""

    def __del__(self) -> None:
        self.close()


class BudgetFile(ForkAware):
    """A `Purse` in a file. A forked child has its own row in it: what the parent set aside is the parent's.

    limit: USD by period. period: `day` (of `zone`) or `total`. Give it to `Budget(above=(...,))`.
    Raises `StorageError` if the file cannot be used: then no call is made.
    """

    def __init__(
        self,
        path: Path | str,
        limit: Decimal,
        *,
        period: Literal["day", "total"] = "day",
        zone: tzinfo = UTC,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.path = Path(path)
        self.limit = limit
        self.name = period
        self._zone = zone
        self._now = now
        self._holder = secrets.token_hex(8)
        self._mine: deque[tuple[str, Decimal]] = deque()
        self._lock = threading.RLock()
        self._opened: _Connection | None = None
        with self._refusing():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db.execute(_SCHEMA)
        follow_forks(self)

    def take(self, amount: Decimal) -> None:
        """Set aside for this period, or raise `BudgetExhaustedError`."""
        period = self._period()
        with self._transaction():
            used = self._used(period)
            if used + amount > self.limit:
                raise exhausted(self.name, self.limit, used, amount)
            self._add(period, spent=ZERO, reserved=amount)
        self._mine.append((period, amount))

    def settle(self, reserved: Decimal, actual: Decimal) -> None:
        """Book the actual cost in the period in which it was reserved."""
        with self._transaction():
            period = self._mine[0][0] if self._mine else self._period()
            for of_period, part in self._give_back(reserved):
                self._add(of_period, spent=ZERO, reserved=-part)
            self._add(period, spent=actual, reserved=ZERO)

    def left(self) -> Decimal:
        """What this period still has."""
        with self._lock, self._refusing():
            return max(ZERO, self.limit - self._used(self._period()))

    def hopeless(self, amount: Decimal) -> bool:
        """Whether `amount` would not fit even if all that running processes have set aside came back."""
        period = self._period()
        lost = sum((orphan.reserved_usd for orphan in self.orphans() if orphan.period == period), ZERO)
        return self.spent() + lost + amount > self.limit

    def spent(self) -> Decimal:
        """What all processes have settled in this period."""
        with self._lock, self._refusing():
            rows = self._db.execute("SELECT spent FROM purse WHERE period = ?", (self._period(),))
            return sum((Decimal(row[0]) for row in rows), ZERO)

    def orphans(self) -> list[Orphan]:
        """Reservations of processes of this machine that are gone."""
        with self._lock, self._refusing():
            rows = self._db.execute(
                "SELECT period, pid, reserved FROM purse WHERE host = ? AND holder != ?",
                (socket.gethostname(), self._holder),
            ).fetchall()
        held = (Orphan(period=period, pid=pid, reserved_usd=Decimal(sum_)) for period, pid, sum_ in rows)
        return [orphan for orphan in held if orphan.reserved_usd > 0 and not is_alive(orphan.pid)]

    def close(self) -> None:
        """Close the file; it is opened again when it is next used."""
        with self._lock:
            opened, self._opened = self._opened, None
            if opened is not None:
                opened.close()

    def before_fork(self) -> None:
        """SQLite's locks belong to a process: no connection may be open at a fork, not even one at rest."""
        self._lock.acquire()
        if self._opened is not None and not self._opened.in_transaction:
            self.close()

    def after_fork_in_parent(self) -> None:
        """Open it again when it is next used."""
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Begin a row of this process's own."""
        self._lock = threading.RLock()
        if self._opened is not None:
            _INHERITED.append(self._opened)
            self._opened = None
        self._holder = secrets.token_hex(8)
        self._mine.clear()

    @property
    def _db(self) -> _Connection:
        if self._opened is None:
            self._opened = sqlite3.connect(
                self.path,
                timeout=WAIT_S,
                isolation_level=None,
                check_same_thread=False,
                factory=_Connection,
            )
            self._opened.execute("PRAGMA journal_mode=WAL")
            self._opened.execute("PRAGMA synchronous=NORMAL")
        return self._opened

    def _period(self) -> str:
        return "total" if self.name == "total" else self._now().astimezone(self._zone).date().isoformat()

    def _used(self, period: str) -> Decimal:
        rows = self._db.execute("SELECT spent, reserved FROM purse WHERE period = ?", (period,))
        return sum((Decimal(spent) + Decimal(reserved) for spent, reserved in rows), ZERO)

    def _add(self, period: str, *, spent: Decimal, reserved: Decimal) -> None:
        row = self._db.execute(
            "SELECT spent, reserved FROM purse WHERE period = ? AND holder = ?", (period, self._holder)
        ).fetchone()
        before = (Decimal(row[0]), Decimal(row[1])) if row else (ZERO, ZERO)
        self._db.execute(
            "INSERT OR REPLACE INTO purse VALUES (?, ?, ?, ?, ?, ?)",
            (
                period,
                self._holder,
                os.getpid(),
                socket.gethostname(),
                str(before[0] + spent),
                str(before[1] + reserved),
            ),
        )

    def _give_back(self, reserved: Decimal) -> Iterator[tuple[str, Decimal]]:
        """The periods in which `reserved` was set aside, oldest first, each with its part."""
        while reserved > 0 and self._mine:
            period, amount = self._mine.popleft()
            part = min(amount, reserved)
            if amount > part:
                self._mine.appendleft((period, amount - part))
            reserved -= part
            yield period, part

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, self._refusing():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:  # whatever it is, the file stays as it was; it goes on to the caller
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StorageError(
                f"cannot use the budget file {self.path}: {error}",
                hint="without it no call is made; choose another place, or remove a file that is not a budget",
                code="storage.budget",
            ) from error


def open_budget(
    total: Decimal | None = None,
    *,
    per_day: Decimal | None = None,
    file: Path | str | None = None,
    spent: Decimal = ZERO,
) -> Budget:
    """A run's budget from what is declared: USD in all, USD a day (UTC), the file that processes share.

    `spent` was spent before by the run that is resumed. Without `file` both limits hold in this process only.
    With it they hold for all that share it; `total` is then theirs together.
    """
    if file is None:
        day: tuple[Purse, ...] = () if per_day is None else (MemoryPurse("day", per_day),)
        return Budget(total, spent=spent, above=day)
    shared: list[Purse] = []
    if total is not None:
        shared.append(BudgetFile(file, total, period="total"))
    if per_day is not None:
        shared.append(BudgetFile(file, per_day, period="day"))
    return Budget(None, spent=spent, above=tuple(shared))


def is_alive(pid: int) -> bool:
    """Whether a process of this machine runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
