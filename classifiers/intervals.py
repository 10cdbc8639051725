"""Intervals of rates, in pure Python."""

from __future__ import annotations

import math

Z95 = 1.959963984540054


def wilson(passed: float, count: float, *, z: float = Z95) -> tuple[float, float]:
    """The score interval of a rate (E. B. Wilson, JASA 22, 1927); (0, 1) of no trials."""
    if count <= 0:
        return 0.0, 1.0
    rate = passed / count
    centre = (rate + z * z / (2 * count)) / (1 + z * z / count)
    reach = z / (1 + z * z / count) * math.sqrt(rate * (1 - rate) / count + z * z / (4 * count * count))
    return max(0.0, centre - reach), min(1.0, centre + reach)
