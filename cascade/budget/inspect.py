"""What stands in a budget file, for people: spent and set aside by period, and how it is reset."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from socket import gethostname

from cascade.budget.file import WAIT_S, is_alive
from cascade.errors import InputError, StorageError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One limit's books: `total`, or a day (YYYY-MM-DD)."""

    name: str
    spent_usd: Decimal
    """What was settled."""
    reserved_usd: Decimal
    """What running processes have set aside."""
    lost_usd: Decimal
    """What processes of this machine had set aside when they died; it counts as spent."""
    running: tuple[int, ...] = ()
    """Processes that have money set aside; those of other machines are taken for running."""


def periods(path: Path | str) -> list[Period]:
    """What stands in the file, `total` last. Raises InputError if there is none, StorageError if it is no budget."""
    with _opened(path) as db:
        rows = db.execute("SELECT period, pid, host, spent, reserved FROM purse ORDER BY period").fetchall()
    names = dict.fromkeys(row[0] for row in rows)
    return [_period(name, [row[1:] for row in rows if row[0] == name]) for name in names]


def reset(path: Path | str, *, period: str | None = None) -> list[Period]:
    """Forget what was spent in a period (None: in all). What was forgotten.

    Raises UsageError while a process that runs has money set aside, or if there is no such period.
    """
    gone = [each for each in periods(path) if period in (None, each.name)]
    if period is not None and not gone:
        raise UsageError(f"{path}: has no period {period!r}", hint="`cascade budget show` lists them")
    busy = sorted({pid for each in gone for pid in each.running})
    if busy:
        raise UsageError(
            f"{path}: in use: process {', '.join(map(str, busy))} has money set aside",
            hint="wait until it has ended, and reset the file then",
        )
    with _opened(path) as db, db:
        db.executemany("DELETE FROM purse WHERE period = ?", [(each.name,) for each in gone])
    return gone


def _period(name: str, rows: list[tuple[int, str, str, str]]) -> Period:
    held = [(pid, host, Decimal(reserved)) for pid, host, _, reserved in rows if Decimal(reserved) > 0]
    alive = [(pid, amount) for pid, host, amount in held if host != gethostname() or is_alive(pid)]
    reserved = sum((amount for _, amount in alive), Decimal(0))
    return Period(
        name=name,
        spent_usd=sum((Decimal(spent) for _, _, spent, _ in rows), Decimal(0)),
        reserved_usd=reserved,
        lost_usd=sum((amount for *_, amount in held), Decimal(0)) - reserved,
        running=tuple(pid for pid, _ in alive),
    )


@contextmanager
def _opened(path: Path | str) -> Iterator[sqlite3.Connection]:
    if not Path(path).is_file():
        raise InputError(
            f"{path}: no such budget file", hint="it is made by the first call of a run that names it"
        )
    try:
        with closing(sqlite3.connect(path, timeout=WAIT_S)) as db:
            yield db
    except sqlite3.Error as error:
        raise StorageError(
            f"{path}: cannot be read as a budget file: {error}", code="storage.budget"
        ) from error
