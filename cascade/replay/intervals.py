"""Means with intervals by task, from sums that can be merged: the same figures on one machine or many."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cascade.replay.table import Floats


@dataclass(frozen=True, slots=True)
class Moments:
    """Count and the first three power sums of a figure by task. binary: all were 0 or 1."""

    n: int = 0
    first: float = 0.0
    second: float = 0.0
    third: float = 0.0
    binary: bool = True

    @classmethod
    def of(cls, values: Floats) -> Moments:
        """The sums of one part."""
        squares = values * values
        return cls(
            n=len(values),
            first=math.fsum(values),
            second=math.fsum(squares),
            third=math.fsum(squares * values),
            binary=bool(((values == 0) | (values == 1)).all()),
        )

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.n + other.n,
            self.first + other.first,
            self.second + other.second,
            self.third + other.third,
            self.binary and other.binary,
        )

    @property
    def mean(self) -> float:
        """NaN without tasks."""
        return self.first / self.n if self.n else math.nan

    @property
    def sd(self) -> float:
        """Standard deviation, n - 1 below."""
        if self.n < 2:
            return math.nan
        return math.sqrt(max(self.second - self.n * self.mean**2, 0.0) / (self.n - 1))

    @property
    def skewness(self) -> float:
        """0 where nothing varies."""
        sd = self.sd
        if self.n < 2 or not sd > 1e-9 * abs(self.mean) or sd**3 == 0:
            return 0.0
        central = self.third / self.n - 3 * self.mean * self.second / self.n + 2 * self.mean**3
        return central / sd**3


def interval(figure: Moments, *, share: bool, confidence: float = 0.95) -> tuple[float, float]:
    """A two-sided interval of the mean.

    Zeros and ones: Wilson's score interval (JASA 22, 1927). Else Hall's transformed t (JRSS B 54, 1992), which
    corrects for skewness as a bootstrap t would, exact sums instead of resamples. share: the figure lies in
    [0, 1], and so does its interval; where nothing varies, Wilson's width is kept. Without two tasks: the
    whole range.
    """
    from scipy.stats import norm

    z = float(norm.ppf((1 + confidence) / 2))
    if figure.n == 0 or (figure.n < 2 and not share):
        return (0.0, 1.0) if share else (0.0, math.inf)
    if share and (figure.binary or not figure.sd > 0):
        return _wilson(figure.mean, figure.n, z)
    low, high = _hall(figure, confidence)
    return (max(low, 0.0), min(high, 1.0)) if share else (low, high)


def _wilson(p: float, n: int, z: float) -> tuple[float, float]:
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(max(p * (1 - p), 0.0) / n + z * z / (4 * n * n))
    return max(0.0, min(middle - half, p)), min(1.0, max(middle + half, p))


def _hall(figure: Moments, confidence: float) -> tuple[float, float]:
    from scipy.stats import t

    root, skew = math.sqrt(figure.n), figure.skewness
    quantile = float(t.ppf((1 + confidence) / 2, figure.n - 1))
    step = figure.sd / root
    return figure.mean - step * _inverse(quantile, skew, root), figure.mean - step * _inverse(
        -quantile, skew, root
    )


def _inverse(y: float, skew: float, root: float) -> float:
    """The inverse of Hall's cubic transformation."""
    if abs(skew) < 1e-9:
        return y
    inner = 1 + skew / root * (y - skew / (6 * root))
    return 3 * root / skew * (float(np.cbrt(inner)) - 1)
