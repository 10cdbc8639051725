"""Learns from a log what the next attempt will do: `cascade.policy.latent`, fitted by EM.

Classes stand on a line of task difficulty z (standard normal quantiles). P(arm is right | z) is logistic in
z with its own level and slope (two-parameter item response model by EM: Bock and Aitkin, 1981). What an
attempt leaves behind (log cost, log tokens, calls, ...) is Gaussian with a mean linear in z, a line for
right and one for wrong attempts, or Bernoulli where it says yes or no (`flags`); an arm's cost is log-linear
in z. All of it is fitted together, so that z is what outcomes and traces have in common. Weak pulls (of slopes
to their mean, of traces' slopes to 0) are the only regularisation. Arms that were tried after failures only
enter by what was seen there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from cascade.policy.latent import Arm, Flag, LatentEstimates, Trace
from cascade.replay.draws import lowest
from cascade.replay.table import Bools, Floats, OutcomeTable
from cascade.tuning.assumed import with_assumed
from cascade.tuning.curves import Curves
from cascade.tuning.flags import FlagFigure, is_flag, telling

_MOST_TASKS = 20_000
_TRACE_PULL = 3.0
_COST_PULL = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """How to fit. classes: points on the line. ridge: the pull of the slopes to their mean. weight: the power
    of what attempts leave behind, shared among an arm's figures where they repeat each other. joint: how much
    of that power helps to place the classes while fitting (0: outcomes alone place them). rounds: of EM.
    figures: names to use (None: all, cost_usd included). seed: of the sample, for large tables.
    """

    classes: int = 9
    ridge: float = 0.2
    weight: float = 1.0
    joint: float = 0.2
    rounds: int = 40
    figures: Sequence[str] | None = None
    seed: int = 0


def fit_estimates(table: OutcomeTable, settings: FitSettings | None = None) -> LatentEstimates:
    """Fit the latent classes to a table. Of tables beyond 20,000 tasks so many are drawn by ids and seed.

    Where the table has a classifier's probabilities, a task's first attempts pass with those on average over the
    classes, and the classes hold what the classifier does not know (`cascade.tuning.told`).
    """
    how = settings or FitSettings()
    if len(table) > _MOST_TASKS:
        table = lowest(table, _MOST_TASKS, seed=how.seed)
    fit = _Fit(table, how)
    for _ in range(how.rounds):
        fit.expect()
        fit.maximise()
    return LatentEstimates(
        weights=(1 / len(fit.line),) * len(fit.line),
        arms={step: fit.arm(k) for k, step in enumerate(table.arms)},
        line=tuple(fit.line.tolist()),
        told=None if fit.curves.told is None else fit.curves.told.trace(fit.line),
        known_only=True,
        version=f"latent-{len(table)}-{how.seed}",
        output_tokens=_written(table),
    )


def _written(table: OutcomeTable) -> dict[str, float]:
    """The mean length of a tier's first answers in tokens, where the log has it."""
    tokens = table.figures.get("output_tokens")
    if tokens is None:
        return {}
    first = {tier: tokens[:, table.first(tier)] for tier in table.tiers}
    return {tier: float(np.nanmean(own)) for tier, own in first.items() if np.isfinite(own).any()}


def imputed(table: OutcomeTable, settings: FitSettings | None = None) -> OutcomeTable:
    """A table whose gaps hold what the model expects of them, given all that was seen of the task.

    For logs of decisions, in which a dear tier was only asked where a cheap one had failed. What is missing
    there depends on what was seen and on nothing else, which is what the fit needs (missing at random: Rubin,
    Biometrika 63, 1976), after an assumption about what the cheap one passed (`with_assumed`). The share of such
    cells is noted.
    """
    known, table = table, with_assumed(table)
    fit = _Fit(table, settings or FitSettings())
    for _ in range(fit.how.rounds):
        fit.expect()
        fit.maximise()
    arms = [fit.arm(k) for k in range(len(table.arms))]
    firsts = [k for k, arm in enumerate(table.arms) if arm.attempt == 1 and arm.after is None]
    outcome, cost = table.outcome.copy(), table.cost.copy()
    rights = fit.curves.of_tasks()
    filled = 0
    for k in firsts:
        gaps = np.isnan(known.outcome[:, k])
        filled += int(gaps.sum())
        left = np.isnan(outcome[:, k])
        outcome[left, k] = (fit.shares[left] * rights[left, k]).sum(axis=1)
        price = arms[k].cost_usd
        if price is not None:
            cost[gaps, k] = fit.shares[gaps] @ np.array(price)
    if not filled:
        return table
    share = filled / (len(table) * len(firsts))
    note = (
        f"{share:.0%} of the outcomes were never tried and are the model's expectations: these figures rest on "
        "it; runs with `explore` or `shadow` would let the log speak for itself"
    )
    return replace(table, outcome=outcome, cost=cost, notes=(*table.notes, note), imputed_share=share)


@dataclass(slots=True)
class _Line:
    """log x = level + slope z, with sd around it."""

    level: float
    slope: float
    sd: float


@dataclass(slots=True)
class _Figure:
    """One figure of one arm: logs where seen, and a line in z for wrong attempts and one for right ones."""

    arm: int
    name: str
    seen: Bools
    logs: Floats
    offset: float
    weight: float
    wrong: _Line
    right: _Line

    @property
    def column(self) -> Floats:
        """The values as they are compared with other figures'."""
        return self.logs


def _figure(arm: int, name: str, seen: Bools, values: Floats) -> _Figure:
    offset = _offset(values)
    logs = np.log(values + offset)
    spread = float(logs.std()) + 1e-3
    start = _Line(float(logs.mean()), -0.2 * spread, spread)
    return _Figure(arm, name, seen, logs, offset, 0.0, start, start)


class _Fit:
    """EM's state. right, wrong: (n, A), 0 where not known. shares: each task's classes, (n, K)."""

    def __init__(self, table: OutcomeTable, how: FitSettings) -> None:
        self.table, self.how = table, how
        self.line = np.array([NormalDist().inv_cdf((k + 0.5) / how.classes) for k in range(how.classes)])
        self.curves = Curves(table, self.line, np.zeros(how.classes), ridge=how.ridge)
        self.known, self.right, self.wrong = self.curves.known, self.curves.right, self.curves.wrong
        self.figures: list[_Figure] = []
        self.flags: list[FlagFigure] = []
        for k in range(len(table.arms)):
            self._add_figures(k)
        self._take_sides()
        self.shares = np.full((len(table), len(self.line)), 1 / len(self.line))

    def _take_sides(self) -> None:
        """Two kinds of tasks of every difficulty, where a figure says that failures of two kinds differ."""
        told = telling(self.flags, self.table.outcome, self.wrong)
        if told is None:
            return
        side = np.repeat([-1.0, 1.0], len(self.line))
        self.line = np.tile(self.line, 2)
        self.curves.line, self.curves.side = self.line, side
        for flag in self.flags:
            flag.classes = len(self.line)
            flag.__post_init__()
        told.split(side)

    def expect(self) -> None:
        """Each task's classes, given its outcomes and what its attempts left behind."""
        logs = self.curves.log_likelihoods()
        for one in self.figures if self.how.joint > 0 else ():
            for line, held in ((one.wrong, self.wrong), (one.right, self.right)):
                power = self.how.joint * one.weight * held[one.seen, one.arm]
                away = ((one.logs - line.level)[:, None] - line.slope * self.line) / line.sd
                logs[one.seen] -= power[:, None] * (0.5 * away**2 + np.log(line.sd))
        for flag in self.flags if self.how.joint > 0 else ():
            power = self.how.joint * flag.weight
            wrong, right = self.wrong[flag.seen, flag.arm], self.right[flag.seen, flag.arm]
            logs[flag.seen] += flag.log_likelihoods(power * wrong, power * right)
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        self.shares = shares / shares.sum(axis=1, keepdims=True)

    def maximise(self) -> None:
        """Every arm's curve and every figure's line, given the classes."""
        self.curves.maximise(self.shares)
        for one in self.figures:
            one.wrong = self._regress(one, self.wrong)
            one.right = self._regress(one, self.right)
        for flag in self.flags:
            held = self.wrong[flag.seen, flag.arm], self.right[flag.seen, flag.arm]
            flag.fit(*held, self.shares[flag.seen])

    def arm(self, k: int) -> Arm:
        """What was learnt of an arm."""
        price = self.table.cost[:, k]
        priced = np.isfinite(price)
        traces: dict[str, Trace | Flag] = {flag.name: flag.trace() for flag in self.flags if flag.arm == k}
        for one in self.figures:
            if one.arm == k:
                mean = tuple((one.wrong.level + one.wrong.slope * self.line).tolist())
                traces[one.name] = Trace(mean, one.wrong.sd, one.weight, one.offset)
        return Arm(
            step=self.table.arms[k],
            p=tuple(self.curves.p()[k].tolist()),
            cost_usd=self._cost(price[priced], self.shares[priced]) if priced.any() else None,
            evidence=float(self.known[:, k].sum()),
            traces=traces,
        )

    def _add_figures(self, k: int) -> None:
        """The figures of an arm that vary among its wrong attempts, sharing one power."""
        columns = {"cost_usd": self.table.cost, **self.table.figures}
        found: list[_Figure | FlagFigure] = []
        for name, column in columns.items():
            if self.how.figures is not None and name not in self.how.figures:
                continue
            values = column[:, k]
            seen = np.isfinite(values) & (self.known[:, k] > 0)
            wrong = values[seen & (self.wrong[:, k] > 0)]
            if self.wrong[seen, k].sum() < 8 or float(wrong.std()) <= 1e-9 * abs(float(wrong.mean())):
                continue
            if is_flag(name, wrong):
                found.append(FlagFigure(k, name, seen, values[seen], self.how.classes))
            else:
                found.append(_figure(k, name, seen, values[seen]))
        share = self.how.weight * _distinct([one.column for one in found])
        for one in found:
            one.weight = share
        self.figures += [one for one in found if isinstance(one, _Figure)]
        self.flags += [one for one in found if isinstance(one, FlagFigure)]

    def _regress(self, one: _Figure, held: Floats) -> _Line:
        """Weighted least squares of the logs on z, z known by its shares only."""
        weight, shares = held[one.seen, one.arm], self.shares[one.seen]
        total = float(weight.sum())
        if total < 2:
            return one.wrong
        z = shares @ self.line
        middle, mean = float(weight @ z) / total, float(weight @ one.logs) / total
        spread = float(weight @ (shares @ self.line**2)) - total * middle**2
        slope = float(weight @ ((one.logs - mean) * z)) / (spread + _TRACE_PULL)
        around = mean + slope * (self.line - middle)
        left = float((weight[:, None] * shares * (one.logs[:, None] - around) ** 2).sum()) / total
        return _Line(mean - slope * middle, slope, float(np.sqrt(left + 1e-3)))

    def _cost(self, price: Floats, shares: Floats) -> tuple[float, ...]:
        """E[cost | class]: log-linear in z, scaled so that the mean cost over these tasks is met."""
        if price.max() <= 0:
            return (0.0,) * len(self.line)
        logs = np.log(price + _offset(price))
        z = shares @ self.line
        spread = float((shares @ self.line**2).sum()) - len(z) * float(z.mean()) ** 2
        slope = float((logs - logs.mean()) @ z) / (spread + _COST_PULL)
        shape = np.exp(slope * self.line)
        return tuple((float(price.mean()) / float((shares @ shape).mean()) * shape).tolist())


def _distinct(columns: list[Floats]) -> float:
    """How many different things the columns say, over how many they are: 1 for one column or independent ones.

    The participation ratio of the correlation matrix's eigenvalues (F^2 / sum of squared correlations) per
    column, taken half way back to 1: two figures that move together are counted as a little over one.
    """
    if len(columns) < 2:
        return 1.0
    if len({len(column) for column in columns}) > 1:
        return 1.0 / len(columns)
    squared = float((np.corrcoef(np.array(columns)) ** 2).sum())
    return (1 + len(columns) / squared) / 2


def _offset(values: Floats) -> float:
    """A hundredth of the median, so that logs of small values stay in their place; 1 for counts that may be 0."""
    if values.min() == 0 and (values == np.round(values)).all():
        return 1.0
    return max(float(np.median(values)) / 100, 1e-12)
