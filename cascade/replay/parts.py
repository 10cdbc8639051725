"""A log in parts, wherever they lie: work goes to the parts, and what can be merged comes back."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import count
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from cascade.errors import StorageError
from cascade.replay.draws import Keys, keys_of, lowest
from cascade.replay.table import Bools, Ints, OutcomeTable

P = TypeVar("P")
P_co = TypeVar("P_co", covariant=True)
Q = TypeVar("Q")


class Parts(Protocol[P_co]):
    """Parts that work can be sent to. A job is a value that can be pickled and called."""

    def each(self, job: Callable[[P_co], Q]) -> Iterator[Q]:
        """The job's result on every part, in the order of the parts."""
        ...

    def kept(self, job: Callable[[P_co], Q]) -> Parts[Q]:
        """What the job makes of every part, left where it was made for the passes that follow."""
        ...


@dataclass(frozen=True, slots=True)
class Held(Parts[P]):
    """Parts in this process's memory."""

    items: tuple[P, ...]

    def each(self, job: Callable[[P], Q]) -> Iterator[Q]:
        """See `Parts`."""
        return map(job, self.items)

    def kept(self, job: Callable[[P], Q]) -> Parts[Q]:
        """See `Parts`."""
        return Held(tuple(map(job, self.items)))


@dataclass(frozen=True, slots=True)
class OneByOne(Parts[P]):
    """One part in memory at a time; what is kept lies in `folder`. items: the parts, or the files they are in."""

    folder: Path
    items: tuple[P | _File, ...]

    def each(self, job: Callable[[P], Q]) -> Iterator[Q]:
        """See `Parts`. Raises StorageError where the folder fails."""
        for item in self.items:
            yield job(item.load() if isinstance(item, _File) else item)

    def kept(self, job: Callable[[P], Q]) -> Parts[Q]:
        """See `Parts`. Raises StorageError where the folder fails."""
        names = (self.folder / str(number) for number in count(len(list(self.folder.iterdir()))))
        files = [_File.save(path, one) for path, one in zip(names, self.each(job), strict=False)]
        return OneByOne(self.folder, tuple(files))


@dataclass(frozen=True, slots=True)
class _File:
    path: Path

    @classmethod
    def save(cls, path: Path, value: object) -> _File:
        try:
            with path.open("wb") as file:
                pickle.dump(value, file, protocol=5)
        except OSError as error:
            raise StorageError(
                f"cannot lay a part of the log aside in {path.parent}: {error.strerror or error}",
                hint="parts are laid aside in the folder for temporary files: set TMPDIR to one with room",
            ) from error
        return cls(path)

    def load(self) -> Any:
        try:
            with self.path.open("rb") as file:
                return pickle.load(file)  # noqa: S301  (this process wrote it)
        except OSError as error:
            raise StorageError(f"cannot read {self.path}: {error.strerror or error}") from error


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some of a log's tasks. keys: for draws, (n,). fold: which of several plans they are judged by."""

    table: OutcomeTable
    keys: Keys
    fold: int = 0

    @classmethod
    def of(cls, table: OutcomeTable, fold: int = 0) -> Part:
        """A whole table as a part."""
        return cls(table, keys_of(table.tasks), fold)

    def rows(self, chosen: Bools) -> Part:
        """The part with some of its tasks only."""
        if chosen.all():
            return self
        places: Ints = np.flatnonzero(chosen)
        return replace(self, table=self.table.part(places), keys=self.keys[places])

    def lowest(self, size: int) -> OutcomeTable:
        """The part's tasks with the lowest keys, in their order."""
        return lowest(self.table, size, keys=self.keys)


def merged(tables: Sequence[OutcomeTable]) -> OutcomeTable:
    """Tables of different tasks and the same columns as one that is all there is."""
    first = tables[0]
    if len(tables) == 1:
        return first
    tasks = [task for table in tables for task in table.tasks]
    columns = {one.name: [getattr(table, one.name) for table in tables] for one in fields(first)}
    stacked = {name: _stacked(values) for name, values in columns.items() if name not in _SHARED}
    return replace(first, tasks=tasks, whole=None, **stacked)


_SHARED = ("tasks", "arms", "notes", "imputed_share", "check_seconds", "whole")
"""What all parts of a log have in common, and what is made anew; everything else is by task."""


def _stacked(values: Sequence[Any]) -> Any:
    if isinstance(values[0], Mapping):
        return {name: np.concatenate([value[name] for value in values]) for name in values[0]}
    return None if values[0] is None else np.concatenate(values)


class Sample:
    """Gathers the tasks with the lowest keys over parts; never holds more than twice as many."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.tables: list[OutcomeTable] = []

    def add(self, table: OutcomeTable) -> None:
        """Take in one part's lowest."""
        self.tables.append(table)
        if sum(map(len, self.tables)) > 2 * self.size:
            self.tables = [self.drawn()]

    def drawn(self) -> OutcomeTable:
        """The lowest of all so far, in the order of their keys."""
        return lowest(merged(self.tables), self.size)
