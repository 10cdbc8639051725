"""Sums without rounding: the same to the last bit however the numbers are cut, and in whatever order they come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cascade.replay.intervals import Moments
from cascade.replay.table import Floats

_UNIT = 1126
"""Every finite double is a whole number of 2**-1126: 53 digits, times 2 to the -1073 at least."""
_ONE = 1 << _UNIT
_LOW_DIGITS = 27
_BATCH = 1 << 20


def exact_sum(values: Floats) -> int:
    """The sum of numbers, in units of 2**-1126. Raises ValueError for one that is not finite.

    Each number's 53 binary digits are halved, and halves of the same exponent are added as doubles, which
    is exact for so few numbers at a time.
    """
    if not np.isfinite(values).all():
        raise ValueError("only finite numbers have an exact sum")
    return sum(_batch(values[start : start + _BATCH]) for start in range(0, len(values), _BATCH))


def _batch(values: Floats) -> int:
    fraction, exponent = np.frexp(values)
    digits = np.ldexp(fraction, 53).astype(np.int64)
    least = int(exponent.min())
    place = (exponent - least).astype(np.intp)
    high = np.bincount(place, weights=digits >> _LOW_DIGITS)
    low = np.bincount(place, weights=digits & ((1 << _LOW_DIGITS) - 1))
    return sum(
        ((int(h) << _LOW_DIGITS) + int(rest)) << (k + least - 53 + _UNIT)
        for k, (h, rest) in enumerate(zip(high, low, strict=True))
        if h or rest
    )


def rounded(total: int) -> float:
    """A sum of `exact_sum` as the nearest double."""
    return total / _ONE


@dataclass(frozen=True, slots=True)
class Totals:
    """Count and first four power sums of a figure by task, without rounding. binary: all were 0 or 1.

    Adding is associative and commutative, `Totals()` its identity; `moments` are those of `Moments.of` on all
    the values at once, to the last bit.
    """

    n: int = 0
    first: int = 0
    second: int = 0
    third: int = 0
    fourth: int = 0
    binary: bool = True

    @classmethod
    def of(cls, values: Floats) -> Totals:
        """The sums of one part."""
        if ((values == 0) | (values == 1)).all():
            ones = int(np.count_nonzero(values)) * _ONE
            return cls(len(values), ones, ones, ones, ones)
        squares = values * values
        powers = (values, squares, squares * values, squares * squares)
        first, second, third, fourth = map(exact_sum, powers)
        return cls(len(values), first, second, third, fourth, binary=False)

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.n + other.n,
            self.first + other.first,
            self.second + other.second,
            self.third + other.third,
            self.fourth + other.fourth,
            self.binary and other.binary,
        )

    @property
    def moments(self) -> Moments:
        """The sums as doubles."""
        powers = (self.first, self.second, self.third, self.fourth)
        first, second, third, fourth = map(rounded, powers)
        return Moments(self.n, first, second, third, fourth, binary=self.binary)


def added(found: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    """Sums by name, name by name."""
    names = [*found, *(name for name in other if name not in found)]
    return {name: found.get(name, 0.0) + other.get(name, 0.0) for name in names}
