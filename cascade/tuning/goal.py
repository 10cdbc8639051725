"""What a policy is tuned for, and how sure one can be that it is met."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from cascade.replay.exact import Totals
from cascade.replay.intervals import Moments
from cascade.replay.table import Floats

_ROUNDING = 1e-7
"""Deviations below this share of a mean are what is left of rounding in its power sums."""

Kind: TypeAlias = Literal["success", "cost", "value"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """success: reach `amount` (a share) at least cost; cost: most success at a mean of `amount` USD a task;
    value: the most of `amount` USD a solved task less cost. tier: reach this tier's own success instead of
    a stated one (judged task by task against it).
    """

    kind: Kind
    amount: float = 0.0
    tier: str | None = None

    def __str__(self) -> str:
        if self.kind == "success":
            wanted = f"{self.tier}'s own" if self.tier is not None else f"{self.amount:.4g}"
            return f"success at least {wanted}, at least cost"
        if self.kind == "cost":
            return f"at most ${self.amount:.4g} a task, most success"
        return f"most value, a solved task being worth ${self.amount:.4g}"


@dataclass(frozen=True, slots=True)
class Paired:
    """One policy's success less another's, task by task, in sums that add up. signs: all were -1, 0 or 1."""

    difference: Totals = field(default_factory=Totals)
    wins: int = 0
    losses: int = 0
    signs: bool = True

    @classmethod
    def of(cls, success: Floats, reference: Floats) -> Paired:
        """The sums of some tasks."""
        gain = success - reference
        wins, losses = gain > 0, gain < 0
        signs = bool((np.abs(gain[wins | losses]) == 1).all())
        return cls(Totals.of(gain), int(wins.sum()), int(losses.sum()), signs)

    def __add__(self, other: Paired) -> Paired:
        return Paired(
            self.difference + other.difference,
            self.wins + other.wins,
            self.losses + other.losses,
            self.signs and other.signs,
        )


def success_p_value(success: Moments, target: float) -> float:
    """P(at least this many successes) if the true rate were just under the target.

    Exact binomial for outcomes of 0 and 1 (Clopper and Pearson, 1934); for rates and expectations the
    Hoeffding-Bentkus bound (Bates et al., arXiv 2101.02703, section 3.1), which holds for any outcome in [0, 1].
    """
    from scipy.stats import binom

    n, total = success.n, success.first
    if n == 0 or target <= 0:
        return 1.0 if n == 0 else 0.0
    if success.binary:
        return float(binom.sf(round(total) - 1, n, target))
    risk, limit = 1 - total / n, 1 - target
    hoeffding = float(np.exp(-n * _divergence(min(risk, limit), limit)))
    bentkus = float(np.e * binom.cdf(np.ceil(n * risk), n, limit))
    return min(1.0, hoeffding, bentkus)


def _divergence(a: float, b: float) -> float:
    """Relative entropy of two coins."""
    if b <= 0 or b >= 1:
        return 0.0 if a == b else float("inf")
    first = a * np.log(a / b) if a > 0 else 0.0
    second = (1 - a) * np.log((1 - a) / (1 - b)) if a < 1 else 0.0
    return float(first + second)


def paired_p_value(paired: Paired) -> float:
    """P(at least as many wins) if the policy were no better than the reference, task by task.

    Exact sign test over the tasks on which they differ, for outcomes of 0 and 1; else a t test of the mean
    difference. 1/2 or below where the policy did at least as well here; 1/2 where they differed on no task, which
    says nothing about the tasks on which they would.
    """
    from scipy.stats import binom, t

    wins, losses = paired.wins, paired.losses
    if paired.signs:
        return float(binom.sf(wins - 1, wins + losses, 0.5)) if wins < losses else _middle(wins, losses)
    gain = paired.difference.moments
    error = standard_error(gain)
    if error == 0:
        return 0.0 if gain.mean >= 0 else 1.0
    return float(t.sf(gain.mean / error, gain.n - 1))


def standard_error(figure: Moments) -> float:
    """Of a mean; 0 where nothing varies but for rounding, and for one task alone."""
    if figure.n < 2 or figure.sd <= _ROUNDING * abs(figure.mean):
        return 0.0
    return figure.sd / float(np.sqrt(figure.n))


def _middle(wins: int, losses: int) -> float:
    """The sign test's mid p-value, so that as many wins as losses is one half."""
    from scipy.stats import binom

    n = wins + losses
    return float(binom.sf(wins, n, 0.5) + 0.5 * binom.pmf(wins, n, 0.5))


def cost_p_value(cost: Moments, limit: float) -> float:
    """P(a mean cost this low) if the true mean were just above the limit.

    Student's t by Hall's cubic transformation (JRSS B 54, 1992): costs have a long tail. It corrects for skewness
    as Johnson's quadratic one does (JASA 73, 1978), and keeps falling however far below the limit the mean is.
    """
    from scipy.stats import t

    n, mean, error = cost.n, cost.mean, standard_error(cost)
    if n < 3:
        return 1.0
    if error == 0:
        return 0.0 if mean <= limit else 1.0
    away, skew = (mean - limit) / cost.sd, cost.skewness
    corrected = away + skew * away**2 / 3 + skew**2 * away**3 / 27 + skew / (6 * n)
    return float(t.cdf((away if away >= 0 else corrected) * np.sqrt(n), n - 1))


def probability_met(success: Moments, target: float) -> float:
    """P(true success is at least the target), flat between 0 and 1 before (Jeffreys' prior)."""
    from scipy.stats import beta

    n, total = success.n, success.first
    return float(beta.sf(target, total + 0.5, n - total + 0.5))
