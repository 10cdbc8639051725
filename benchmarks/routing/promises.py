"""How often `tune` breaks what it promised at 95%: goals of success, of a tier's own success and of cost."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import click
import numpy as np

from cascade.replay.engine import play
from cascade.replay.plans import FixedPlan
from cascade.replay.table import OutcomeTable
from cascade.tuning.estimates import FitSettings
from cascade.tuning.families import Space
from cascade.tuning.goal import Goal
from cascade.tuning.tune import Settings, tune
from tests.replay.worlds import TIERS, world

LEVEL = 0.05
_TRUTH = 200_000


@dataclass(frozen=True, slots=True)
class Setting:
    """Logs of so many tasks, from tables whose outcomes are shifted by `ease` and copied from the cheap tier with
    probability `alike` (failures then repeat from tier to tier), and goals.
    """

    tasks: int
    ease: float
    alike: float
    goals: tuple[Goal, ...]

    def table(self, seed: int, n: int) -> OutcomeTable:
        """n tasks with every outcome."""
        table = world(seed, n)
        g = np.random.default_rng(seed + 5)
        outcome = table.outcome.copy()
        outcome[g.random(outcome.shape) < self.ease] = 1.0
        copied = g.random(n) < self.alike
        outcome[copied] = outcome[copied][:, :1]
        return replace(table, outcome=outcome)


_OWN = Goal(kind="success", tier="strong")
SETTINGS: Mapping[str, Setting] = {
    "promise: plain": Setting(
        400,
        0.0,
        0.0,
        (
            Goal(kind="success", amount=0.75),
            Goal(kind="success", amount=0.85),
            _OWN,
            Goal(kind="cost", amount=0.03),
        ),
    ),
    "promise: 60 tasks": Setting(
        60, 0.0, 0.0, (Goal(kind="success", amount=0.7), _OWN, Goal(kind="cost", amount=0.03))
    ),
    "promise: nearly all pass": Setting(
        150, 0.97, 0.0, (Goal(kind="success", amount=0.98), _OWN, Goal(kind="cost", amount=0.015))
    ),
    "promise: failures repeat": Setting(
        200, 0.0, 0.85, (Goal(kind="success", amount=0.55), _OWN, Goal(kind="cost", amount=0.03))
    ),
}


def promises(name: str, logs: int) -> list[str]:
    """Print a setting's goals; those whose promise is broken on more than 5% of the logs, by more than two standard
    errors of the simulation.
    """
    setting, short = SETTINGS[name], []
    truth = setting.table(10**6, _TRUTH)
    space = Space(fit=FitSettings(rounds=10, classes=7))
    for goal in setting.goals:
        start, promised, broken = time.perf_counter(), 0, 0
        for seed in range(logs):
            tuned = tune(setting.table(seed, setting.tasks), goal, Settings(seed=seed, space=space))
            if tuned.choice.pick.promised:
                promised += 1
                broken += not _kept(goal, truth, tuned.choice.plan)
        share, slack = broken / logs, 2 * np.sqrt(LEVEL * (1 - LEVEL) / logs)
        click.echo(
            f"{name}, {setting.tasks} tasks, {goal}: promised on {promised} of {logs} logs, broken on {broken} "
            f"({share:.3f} of all) in {time.perf_counter() - start:.0f} s"
        )
        if share > LEVEL + slack:
            short.append(f"{name}, {goal}: {share:.3f}")
    return short


def _kept(goal: Goal, truth: OutcomeTable, plan: object) -> bool:
    played = play(truth, plan)  # type: ignore[arg-type]
    if goal.kind == "cost":
        return float(played.cost.mean()) <= goal.amount
    wanted = goal.amount
    if goal.tier is not None:
        alone = FixedPlan((truth.arms[TIERS.index(goal.tier)],))
        wanted = float(play(truth, alone).success.mean())
    return float(played.success.mean()) >= wanted
