"""Means with intervals by task, from sums that can be merged: the same figures on one machine or many."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cascade.replay.table import Floats


@dataclass(frozen=True, slots=True)
class Moments:
    """Count and the first four power sums of a figure by task. binary: all were 0 or 1."""

    n: int = 0
    first: float = 0.0
    second: float = 0.0
    third: float = 0.0
    fourth: float = 0.0
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
            fourth=math.fsum(squares * squares),
            binary=bool(((values == 0) | (values == 1)).all()),
        )

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.n + other.n,
            self.first + other.first,
            self.second + other.second,
            self.third + other.third,
            self.fourth + other.fourth,
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
        """0 where hardly anything varies."""
        if not self._varies:
            return 0.0
        m, n = self.mean, self.n
        return (self.third / n - 3 * m * self.second / n + 2 * m**3) / self.sd**3

    @property
    def kurtosis(self) -> float:
        """Fourth central moment over the squared variance, 3 for a normal figure; 3 where hardly anything varies."""
        if not self._varies:
            return 3.0
        m, n = self.mean, self.n
        fourth = self.fourth / n - 4 * m * self.third / n + 6 * m**2 * self.second / n - 3 * m**4
        return fourth / (self.sd**2 * (n - 1) / n) ** 2

    @property
    def degrees(self) -> float:
        """Degrees of freedom that the variance estimate is worth: n - 1, fewer where tails are heavy.

        A sample's variance has variance sd^4 (kurtosis - 1) / n; chi-squared with this many degrees has as much
        (Satterthwaite, Biometrics Bulletin 2, 1946). 1 at least.
        """
        return max(min(self.n - 1.0, 2 * self.n / max(self.kurtosis - 1, 1e-9)), 1.0)

    @property
    def _varies(self) -> bool:
        """Whether central moments survive the subtraction of their power sums."""
        return self.n >= 2 and self.sd > 1e-3 * abs(self.mean) and self.sd**4 > 0


def interval(
    figure: Moments,
    *,
    share: bool,
    confidence: float = 0.95,
    effective: float | None = None,
    tails: Moments | None = None,
) -> tuple[float, float]:
    """A two-sided interval of the mean.

    share: the figure lies in [0, 1], and so does its interval. effective: how many tasks' worth of outcomes a share
    rests on, where that is fewer than its tasks (weighted and estimated shares). tails: of a figure without
    bounds, another one whose tails it has at least.

    Zeros and ones: Wilson's score interval (JASA 22, 1927). Other shares: as Agresti and Coull (American
    Statistician 52, 1998) on effective tasks (Korn and Graham, Survey Methodology 24, 1998), the estimated
    variance and that of the imagined tasks together: a share near 0 or 1 keeps a width although nothing was
    seen to vary. These, and figures without bounds, by Hall's transformed t (JRSS B 54, 1992), which corrects for
    skewness as a bootstrap t would (Zhou and Gao, American Statistician 54, 2000), with the degrees of freedom
    that heavy tails leave. Without two tasks: the whole range.
    """
    from scipy.stats import norm

    if figure.n == 0 or (figure.n < 2 and not share):
        return (0.0, 1.0) if share else (0.0, math.inf)
    if not share:
        heavy = figure if tails is None or abs(tails.skewness) < abs(figure.skewness) else tails
        degrees = min(figure.degrees, heavy.degrees)
        return _hall(
            figure.mean,
            figure.sd / math.sqrt(figure.n),
            heavy.skewness / math.sqrt(figure.n),
            _t(confidence, degrees),
        )
    if figure.binary and (effective is None or effective >= figure.n):
        return _wilson(figure.mean, figure.n, float(norm.ppf((1 + confidence) / 2)))
    low, high = _imagined(figure, min(effective or figure.n, figure.n), confidence)
    return max(low, 0.0), min(high, 1.0)


def _t(confidence: float, degrees: float) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + confidence) / 2, max(degrees, 1.0)))


def _wilson(p: float, n: int, z: float) -> tuple[float, float]:
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(max(p * (1 - p), 0.0) / n + z * z / (4 * n * n))
    return max(0.0, min(middle - half, p)), min(1.0, max(middle + half, p))


def _imagined(figure: Moments, effective: float, confidence: float) -> tuple[float, float]:
    """Half of t^2 right and as many wrong tasks are imagined beside the effective ones, which vary as estimated.

    Imagined tasks take care of the skewness of zeros and ones; what weights add to it is corrected for.
    """
    p = min(max(figure.mean, 0.0), 1.0)
    quantile = _t(confidence, effective - 1)
    imagined = quantile**2
    total = effective + imagined
    middle = (effective * p + imagined / 2) / total
    scale = effective / figure.n
    own = scale * figure.sd**2 if figure.n > 1 else 0.0
    variance = (
        effective * (own + (p - middle) ** 2) + imagined * ((1 - middle) ** 2 + middle**2) / 2
    ) / total
    third = scale**2 * figure.skewness * figure.sd**3 if figure.n > 1 else 0.0
    beyond = third - p * (1 - p) * (1 - 2 * p)
    skew = beyond / variance**1.5
    return _hall(middle, math.sqrt(variance / total), skew / math.sqrt(total), quantile)


def _hall(mean: float, error: float, skew: float, quantile: float) -> tuple[float, float]:
    """error: standard error of the mean; skew: the mean's own skewness."""
    return mean - error * _inverse(quantile, skew), mean - error * _inverse(-quantile, skew)


def _inverse(y: float, skew: float) -> float:
    """The inverse of Hall's cubic transformation."""
    if abs(skew) < 1e-9:
        return y
    inner = 1 + skew * (y - skew / 6)
    return 3 / skew * (float(np.cbrt(inner)) - 1)
