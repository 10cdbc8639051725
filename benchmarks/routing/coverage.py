"""Coverage of 95% intervals on simulated logs: every estimator and figure, in worlds of several kinds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import click
import numpy as np

from cascade.errors import SupportError
from cascade.replay.engine import play
from cascade.replay.intervals import Moments, interval
from cascade.replay.offpolicy import off_policy
from cascade.replay.plans import FixedPlan
from cascade.replay.weighted import Estimated, cost_interval
from cascade.tuning.estimates import FitSettings, fit_estimates
from tests.replay.wide_worlds import WORLDS, Wide

WANTED = 0.93
_TRUTH = 10**6
_LEAST_LOGS = 100


@dataclass(slots=True)
class Cell:
    """One estimator's figure under one plan: estimates and intervals, log by log."""

    values: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def add(self, value: float, ci: tuple[float, float]) -> None:
        """One log's."""
        self.values.append(value)
        self.low.append(ci[0])
        self.high.append(ci[1])

    def covered(self, truth: float) -> float:
        """The share of intervals that hold the truth."""
        return float(((np.array(self.low) <= truth) & (truth <= np.array(self.high))).mean())

    def line(self, truth: float) -> str:
        """Coverage, bias in standard errors of the simulation, and the median width."""
        values = np.array(self.values)
        error = values.std(ddof=1) / np.sqrt(len(values))
        width, bias = float(np.median(np.array(self.high) - self.low)), (values.mean() - truth) / error
        return f"coverage {self.covered(truth):.3f}, bias {bias:+.1f} se, width {width:.4g}"


def coverage(name: str, logs: int, tasks: int) -> list[str]:
    """Print a world's cells; the labels of those below 93% by more than two standard errors of the simulation.

    A log that the estimators refuse (too few effective tasks) counts for the exact figures only; cells with
    fewer than 100 logs are not judged.
    """
    world, short = WORLDS[name], []
    for plan in world.plans():
        truth = _truth(world, plan)
        cells: defaultdict[tuple[str, str], Cell] = defaultdict(Cell)
        for seed in range(1, logs + 1):
            for one in _estimates(world, plan, seed, tasks):
                cells[one.name, "success"].add(one.success, one.success_ci)
                cells[one.name, "cost"].add(one.cost, one.cost_ci)
        answered = len(cells["dr", "success"].values)
        click.echo(
            f"{name}, {tasks} tasks, {plan.label}: {truth[0]:.4f}, ${truth[1]:.5f}; {answered}/{logs} logs answered"
        )
        for (estimator, figure), cell in cells.items():
            if len(cell.values) < _LEAST_LOGS:
                continue
            wanted = truth[figure == "cost"]
            click.echo(f"  {estimator:<6}{figure:<8}{cell.line(wanted)}")
            slack = 2 * np.sqrt(WANTED * (1 - WANTED) / len(cell.values))
            if cell.covered(wanted) < WANTED - slack:
                short.append(
                    f"{name}, {tasks} tasks, {plan.label}, {estimator} {figure}: {cell.covered(wanted):.3f}"
                )
    return short


def _truth(world: Wide, plan: FixedPlan) -> tuple[float, float]:
    parts = [play(world.table(10**7 + k, _TRUTH // 10), plan) for k in range(10)]
    return float(np.mean([one.success.mean() for one in parts])), float(
        np.mean([one.cost.mean() for one in parts])
    )


def _estimates(world: Wide, plan: FixedPlan, seed: int, tasks: int) -> Iterator[Estimated]:
    table = world.table(seed, tasks)
    played = play(table, plan)
    won, paid = Moments.of(played.success), Moments.of(played.cost)
    yield Estimated("exact", won.mean, interval(won, share=True), paid.mean, cost_interval(paid))
    if world.rates:
        return
    try:
        found = off_policy(
            world.logged(table, seed),
            plan,
            model=lambda part: fit_estimates(part.table, FitSettings(rounds=10)),
        )
    except SupportError:
        return
    yield from (found.ips, found.snips, found.dr)
