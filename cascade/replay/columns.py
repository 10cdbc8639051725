"""Columns of a table while it is read: words as codes, numbers as arrays, in batches that stay small."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cascade.errors import InputError
from cascade.replay.lines import place

VERDICT = "verdict"
LATENCY = "latency:"
VERDICT_HINT = "a verdict is 1 (passed), 0 (failed) or blank (unchecked)"


@dataclass(slots=True)
class Words:
    """A column of words, each kept once."""

    places: defaultdict[str, int] = field(default_factory=defaultdict)
    batches: list[npt.NDArray[np.int32]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.places.default_factory = self.places.__len__

    def add(self, values: Sequence[str]) -> None:
        """Append a batch."""
        codes = map(self.places.__getitem__, values)
        self.batches.append(np.fromiter(codes, dtype=np.int32, count=len(values)))

    def codes(self) -> tuple[npt.NDArray[np.intp], list[str]]:
        """Each row's code, and the words by code, in order of appearance, without the blanks around them."""
        if not self.batches:
            return np.empty(0, dtype=np.intp), []
        codes, words = np.concatenate(self.batches).astype(np.intp), list(self.places)
        bare = [word.strip() for word in words]
        if bare == words:
            return codes, words
        kept = {word: k for k, word in enumerate(dict.fromkeys(bare))}
        return np.array([kept[word] for word in bare], dtype=np.intp)[codes], list(kept)


WORDS = ("task_id", "model", "stage", "attempt", "after", "history", "sampled")
"""Columns that hold no figures."""


@dataclass(slots=True)
class Columns:
    """The columns read so far. `notes` says what was left out, in words."""

    names: list[str]
    words: dict[str, Words] = field(init=False)
    numbers: dict[str, list[npt.NDArray[np.float64]]] = field(default_factory=dict)
    count: int = 0
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.words = {name: Words() for name in self.names if name in WORDS}

    def add_numbers(self, name: str, values: Sequence[str], path: Path) -> None:
        """Append a batch of a number column; one that has no meaning of its own and holds words is left out."""
        strict = name in ("outcome", "cost_usd") or is_verdict(name)
        if any(name == note_name for note_name in self._dropped()):
            return
        try:
            batch = numbers(values)
        except ValueError:
            if strict:
                self._name_the_line(name, values, path)
            self.numbers.pop(name, None)
            self.notes.append(f"column {name} is left out: it does not hold numbers")
            return
        self.numbers.setdefault(name, []).append(batch)

    def column(self, name: str) -> npt.NDArray[np.float64]:
        """A number column as one array."""
        return np.concatenate(self.numbers[name])

    def holds_numbers(self, name: str) -> bool:
        """Whether a column has any finite, non-negative number, and none that is below 0."""
        values = self.column(name)
        known = values[np.isfinite(values)]
        return bool(known.size) and float(known.min()) >= 0

    def _dropped(self) -> list[str]:
        return [note.split()[1] for note in self.notes if note.startswith("column ")]

    def _name_the_line(self, name: str, values: Sequence[str], path: Path) -> None:
        for k, value in enumerate(values):
            try:
                numbers([value])
            except ValueError as error:
                raise InputError(
                    f"{place(path, self.count + k)}: {name} is {value!r}, not a number",
                    hint=VERDICT_HINT
                    if is_verdict(name)
                    else "write a number with a decimal point, or leave the field blank where it is not known",
                ) from error


def is_verdict(name: str) -> bool:
    """Whether a column holds what the checks said: `verdict`, or `verdict:NAME` of one validator."""
    return name == VERDICT or name.startswith(f"{VERDICT}:")


def numbers(values: Sequence[str]) -> npt.NDArray[np.float64]:
    """Numbers from words; a blank one is NaN, a written NaN is an error. Raises ValueError."""
    if "" in values:
        found = np.full(len(values), np.nan)
        given = [k for k, value in enumerate(values) if value]
        found[given] = numbers([values[k] for k in given])
        return found
    if "_" in "".join(values):
        raise ValueError("1_000 is a number in Python only")
    found = np.fromiter(map(float, values), dtype=np.float64, count=len(values))
    if np.isnan(found).any():
        raise ValueError("NaN is no figure")
    return found
