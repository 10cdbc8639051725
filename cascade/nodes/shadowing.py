"""Who gets a shadow, and with what money: a share of the tasks, drawn after their end and whatever it was."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from cascade.budget import Budget
from cascade.forecast import Forecast

_DIGITS = 13  # of hex: as many bits as a float holds exactly


@dataclass(slots=True, kw_only=True)
class Shadows:
    """A run's shadows. rate: share of the tasks that are drawn. tiers: whose first attempts are to be known.

    budget and forecast are their own: what a shadow costs, and what it shows of its tier, moves no decision of a
    task. validators: names of the checks (None: all). closed: the budget did not suffice for one; from then on none
    is drawn, since requests that still fit would be the small ones. begun: trace id and tier of calls under way or
    cut off; those are not made again.
    """

    rate: float
    tiers: tuple[str, ...]
    budget: Budget
    forecast: Forecast
    validators: tuple[str, ...] | None = None
    closed: bool = False
    begun: set[tuple[str, str]] = field(default_factory=set)


def drawn(trace_id: str) -> float:
    """A task's uniform number in [0, 1), from its trace id alone: drawn again, it is the same."""
    digits = hashlib.sha256(trace_id.encode()).hexdigest()[:_DIGITS]
    return float(int(digits, 16) / 16**_DIGITS)
