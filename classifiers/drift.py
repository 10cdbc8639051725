"""Has the world left the model? Recent outcomes against the probabilities that were given for them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cascade.classifiers.intervals import wilson

# 99%: a report on every 20th quiet day would soon be ignored.
_Z99 = 2.5758293035489004
LEAST_OUTCOMES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One tier's recent outcomes beside what was expected of them.

    expected: mean probability given; low, high: the interval the model was believed in. observed: rate of
    passes; observed_low, observed_high: its 99% interval. drifted: the two intervals do not touch. z: the
    excess of passes in standard deviations, were every probability right.
    """

    tier: str
    count: int
    expected: float
    low: float
    high: float
    observed: float
    observed_low: float
    observed_high: float
    z: float
    drifted: bool
    reason: str


def drift(
    tier: str, probabilities: Sequence[float], outcomes: Sequence[float], *, half_width: float
) -> Drift:
    """Compare outcomes in [0, 1] with the probabilities given for them; `half_width` is the model's own.

    Fewer than 20 outcomes never count as drift. The variance is that of independent draws with the given
    probabilities (Poisson binomial).
    """
    count = len(outcomes)
    expected = math.fsum(probabilities) / count if count else 0.0
    observed = math.fsum(outcomes) / count if count else 0.0
    low, high = max(0.0, expected - half_width), min(1.0, expected + half_width)
    seen_low, seen_high = wilson(observed * count, count, z=_Z99)
    spread = math.sqrt(math.fsum(p * (1 - p) for p in probabilities))
    z = (observed - expected) * count / spread if spread > 0 else 0.0
    drifted = count >= LEAST_OUTCOMES and (seen_low > high or seen_high < low)
    if count < LEAST_OUTCOMES:
        reason = f"{count} outcomes say nothing yet"
    elif drifted:
        way = "better" if observed > expected else "worse"
        reason = f"passes {observed:.0%} where {expected:.0%} was expected: {way} than the model knows, train again"
    else:
        reason = f"passes {observed:.0%}, {expected:.0%} was expected: within its interval"
    return Drift(
        tier=tier,
        count=count,
        expected=expected,
        low=low,
        high=high,
        observed=observed,
        observed_low=seen_low,
        observed_high=seen_high,
        z=z,
        drifted=drifted,
        reason=reason,
    )
