"""Learns from a log what the next attempt will do: `cascade.policy.latent`, fitted by EM.

Classes stand on a line of task difficulty z (standard normal quantiles); P(arm passes | z) is logistic in z
with its own intercept and slope (two-parameter item response model, Bock and Aitkin, 1981, by EM). What a
rejected attempt leaves behind (log cost, log calls, ...) is Gaussian with a mean linear in z, and the
arm's cost is log-linear in z. One weak pull of the slopes towards each other is the only regularisation
that 300 tasks need; arms that were tried after failures only (retries) enter by what was seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from cascade.policy.latent import Arm, LatentEstimates, Trace
from cascade.replay.table import Floats, OutcomeTable

_MOST_TASKS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """How to fit. classes: points on the line. ridge: the pull of the slopes to their mean. weight: the power
    of what attempts leave behind, shared among an arm's figures where they repeat each other. rounds: of EM.
    figures: names to use (None: all, cost_usd included).
    """

    classes: int = 9
    ridge: float = 0.2
    weight: float = 1.0
    rounds: int = 40
    figures: Sequence[str] | None = None
    seed: int = 0


def fit_estimates(table: OutcomeTable, settings: FitSettings | None = None) -> LatentEstimates:
    """Fit the latent classes to a table. Tables beyond 20,000 tasks are sampled (by the seed)."""
    how = settings or FitSettings()
    if len(table) > _MOST_TASKS:
        chosen = np.random.default_rng(how.seed).choice(len(table), _MOST_TASKS, replace=False)
        table = table.rows(np.sort(chosen))
    fit = _fit(table, how)
    arms = {step: _arm(table, k, fit, how) for k, step in enumerate(table.arms)}
    return LatentEstimates(
        weights=tuple(1 / how.classes for _ in range(how.classes)),
        arms=arms,
        line=tuple(fit.line.tolist()),
        known_only=True,
        version=f"latent-{len(table)}-{how.seed}",
    )


@dataclass(frozen=True, slots=True)
class _Fit:
    """line: (K,). right: P(right | class), (A, K). shares: each task's classes, (n, K)."""

    line: Floats
    right: Floats
    shares: Floats


def _fit(table: OutcomeTable, how: FitSettings) -> _Fit:
    line = np.array([NormalDist().inv_cdf((k + 0.5) / how.classes) for k in range(how.classes)])
    known = np.isfinite(table.outcome)
    right = np.where(known, table.outcome, 0.0)
    wrong = np.where(known, 1 - table.outcome, 0.0)
    rate = (right.sum(axis=0) + 0.5) / (known.sum(axis=0) + 1.0)
    level, slope = 1.3 * np.log(rate / (1 - rate)), np.full(len(table.arms), 1.5)
    shares = np.full((len(table), how.classes), 1 / how.classes)
    for _ in range(how.rounds):
        p = _sigmoid(level[:, None] + slope[:, None] * line)
        shares = _posterior(right @ np.log(p) + wrong @ np.log1p(-p))
        level, slope = _newton(
            level, slope, right.T @ shares, known.T.astype(float) @ shares, (line, how.ridge)
        )
    return _Fit(line, _sigmoid(level[:, None] + slope[:, None] * line), shares)


def _newton(
    level: Floats, slope: Floats, passed: Floats, tried: Floats, about: tuple[Floats, float]
) -> tuple[Floats, Floats]:
    """Three Newton steps of every arm's weighted logistic regression on the line.

    passed, tried: expected counts, (A, K). Half a pass and half a failure at the middle keep an arm that
    always or never passes finite.
    """
    line, ridge = about
    middle = slope.mean()
    for _ in range(3):
        p = _sigmoid(level[:, None] + slope[:, None] * line)
        miss, spread = passed - tried * p, tried * p * (1 - p)
        centre = _sigmoid(level)
        to_level = miss.sum(axis=1) + 0.5 - centre
        to_slope = (miss * line).sum(axis=1) - ridge * (slope - middle)
        a = spread.sum(axis=1) + centre * (1 - centre) + 1e-9
        b = (spread * line).sum(axis=1)
        c = (spread * line**2).sum(axis=1) + ridge + 1e-9
        size = a * c - b * b
        level = level + np.clip((c * to_level - b * to_slope) / size, -2, 2)
        slope = np.clip(slope + np.clip((a * to_slope - b * to_level) / size, -2, 2), -0.5, 8.0)
    return level, slope


def _arm(table: OutcomeTable, k: int, fit: _Fit, how: FitSettings) -> Arm:
    known = np.isfinite(table.outcome[:, k])
    price = table.cost[:, k]
    priced = np.isfinite(price)
    cost = _line_of_cost(price[priced], fit.shares[priced], fit.line) if priced.any() else None
    failed = np.where(known, 1 - table.outcome[:, k], 0.0)
    return Arm(
        step=table.arms[k],
        p=tuple(fit.right[k].tolist()),
        cost_usd=cost,
        evidence=float(known.sum()),
        traces=_traces(table, k, fit, (failed, how)),
    )


def _line_of_cost(price: Floats, shares: Floats, line: Floats) -> tuple[float, ...]:
    """E[cost | class]: log-linear in z, scaled so that the mean cost over these tasks is met."""
    if price.max() <= 0:
        return (0.0,) * len(line)
    logs = np.log(price + _offset(price))
    slope = _slope(logs, shares, line, np.ones(len(price)))[0]
    shape = np.exp(slope * line)
    scale = price.mean() / float((shares @ shape).mean())
    return tuple((scale * shape).tolist())


def _traces(table: OutcomeTable, k: int, fit: _Fit, about: tuple[Floats, FitSettings]) -> dict[str, Trace]:
    failed, how = about
    columns = {"cost_usd": table.cost[:, k], **{name: v[:, k] for name, v in table.figures.items()}}
    logs: dict[str, tuple[Floats, float]] = {}
    for name, values in columns.items():
        seen = np.isfinite(values) & (failed > 0)
        wanted = how.figures is None or name in how.figures
        if not wanted or failed[seen].sum() < 8 or float(values[seen].std()) == 0:
            continue
        offset = _offset(values[seen])
        logs[name] = (np.log(np.where(seen, values, np.nan) + offset), offset)
    share = how.weight * _distinct([pair[0] for pair in logs.values()])
    found = {}
    for name, (x, offset) in logs.items():
        seen = np.isfinite(x)
        slope, mean, sd = _slope(x[seen], fit.shares[seen], fit.line, failed[seen])
        found[name] = Trace(tuple((mean + slope * fit.line).tolist()), sd, share, offset)
    return found


def _slope(x: Floats, shares: Floats, line: Floats, weight: Floats) -> tuple[float, float, float]:
    """Weighted regression of x on z known only by its shares: slope, intercept, sd of what is left."""
    total = weight.sum()
    z = shares @ line
    middle, mean = float(weight @ z / total), float(weight @ x / total)
    spread = float(weight @ (shares @ line**2)) - total * middle**2
    slope = float(weight @ ((x - mean) * z)) / (spread + 5.0)
    around = mean + slope * (line - middle)
    left = float((weight[:, None] * shares * (x[:, None] - around) ** 2).sum() / total)
    return slope, mean - slope * middle, float(np.sqrt(left + 1e-3))


def _distinct(columns: list[Floats]) -> float:
    """How many different things the columns say, over how many they are: 1 for one column or independent ones.

    The participation ratio of the correlation matrix's eigenvalues (F^2 / sum of squared correlations) per
    column, taken half way back to 1: two figures that move together are counted as a little over one.
    """
    if len(columns) < 2:
        return 1.0
    x = np.array(columns)
    x = x[:, np.isfinite(x).all(axis=0)]
    if x.shape[1] < 8 or (x.std(axis=1) == 0).any():
        return 1.0 / len(columns)
    squared = float((np.corrcoef(x) ** 2).sum())
    return (1 + len(columns) / squared) / 2


def _offset(values: Floats) -> float:
    """A hundredth of the median, so that logs of small values stay in their place."""
    return max(float(np.median(values)) / 100, 1e-9)


def _posterior(logs: Floats) -> Floats:
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(np.clip(1 / (1 + np.exp(-np.clip(x, -30, 30))), 1e-6, 1 - 1e-6))
