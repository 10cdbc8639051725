"""Estimates from weighted tasks, with intervals that know how few tasks they may rest on.

A task that was logged several times is one task: its runs are averaged first, because they are not independent
of each other (clusters by task: Liang and Zeger, Biometrika 73, 1986).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cascade.replay.intervals import Moments, interval
from cascade.replay.table import Floats, Ints

_MOST_LEVERAGE = 0.9


@dataclass(frozen=True, slots=True)
class Estimated:
    """An estimate of success and cost a task, each with its 95% interval."""

    name: str
    success: float
    success_ci: tuple[float, float]
    cost: float
    cost_ci: tuple[float, float]


def effective_tasks(weights: Floats) -> float:
    """(sum w)^2 / sum w^2: how many tasks of equal weight say as much (Kish, Survey Sampling, 1965)."""
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def effective_failures(weights: Floats, depth: Ints) -> float:
    """How many tasks the weights amount to if each weighs as much as one that went all the way.

    depth: attempts that log and policy made alike, (n,). A task that fails weighs as much as its whole trajectory,
    one that passes early weighs less: where none failed, the passed ones alone would make the log look larger
    than it is.
    """
    matched = weights > 0
    longest = matched & (depth == depth[matched].max(initial=0))
    total = float(weights[longest].sum())
    typical = float((weights[longest] ** 2).sum()) / total if total > 0 else 1.0
    return min(effective_tasks(weights), float(weights.sum()) / typical)


def by_task(tasks: Sequence[str], values: Floats) -> Floats:
    """Values by row, (n,), as means by task; the same values where every task stands in one row."""
    if len(set(tasks)) == len(tasks):
        return values
    _, place = np.unique(np.array(tasks), return_inverse=True)
    return np.asarray(np.bincount(place, weights=values) / np.bincount(place))


def mean_of(
    name: str, rewards: tuple[Floats, Floats], effective: float, *, tails: Floats | None = None
) -> Estimated:
    """The mean of estimates by task of success and cost (importance sampling, doubly robust).

    tails: the weighted costs, whose tails a model's guesses hide but do not take away.
    """
    won, paid = (Moments.of(values) for values in rewards)
    hidden = None if tails is None else Moments.of(tails)
    return Estimated(
        name,
        won.mean,
        interval(won, share=True, effective=effective),
        paid.mean,
        cost_interval(paid, tails=hidden),
    )


def normalised(weights: Floats, rewards: tuple[Floats, Floats], effective: float) -> Estimated:
    """Weighted success and cost over the weights' sum (self-normalised importance sampling).

    weights: (n,), 0 where the log chose otherwise. rewards: weighted by them. A ratio's spread is that of its
    linear approximation (delta method), each task's term divided by 1 less its share of all weight: a task
    pulls the ratio to itself and makes its own deviation look small (HC3, which is the jackknife: MacKinnon and
    White, Journal of Econometrics 29, 1985).
    """
    total, n = float(weights.sum()), len(weights)
    own = 1 - np.minimum(weights / total, _MOST_LEVERAGE)

    def figure(values: Floats) -> Moments:
        ratio = float(values.sum()) / total
        terms = (values - ratio * weights) * n / total / own
        return Moments.of(ratio + terms - terms.mean())

    won, paid = (figure(values) for values in rewards)
    return Estimated(
        "snips", won.mean, interval(won, share=True, effective=effective), paid.mean, cost_interval(paid)
    )


def cost_interval(figure: Moments, *, tails: Moments | None = None) -> tuple[float, float]:
    """A 95% interval of a mean cost, which is 0 at least."""
    low, high = interval(figure, share=False, tails=tails)
    return max(low, 0.0), high
