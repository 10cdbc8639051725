"""What does not matter does not matter: the unit of money, the tiers' names, the order of tasks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cascade.policy.steps import Step
from cascade.replay.table import OutcomeTable
from cascade.tuning.estimates import FitSettings
from cascade.tuning.families import Space
from cascade.tuning.goal import Goal
from cascade.tuning.tune import Settings, Tuned, tune
from tests.laws import first
from tests.replay.worlds import TIERS, world

GOALS = {
    "success": Goal(kind="success", amount=0.7),
    "own": Goal(kind="success", tier="strong"),
    "cost": Goal(kind="cost", amount=0.03),
    "value": Goal(kind="value", amount=0.3),
}


def tuned(table: OutcomeTable, goal: Goal) -> Tuned:
    return tune(table, goal, Settings(space=Space(fit=FitSettings(rounds=6, classes=7))))


def same(one: Tuned, other: Tuned, *, unit: float = 1.0) -> None:
    """The same choice, and figures in another unit."""
    assert one.choice.pick.promised == other.choice.pick.promised
    assert one.choice.pick.trial.family == other.choice.pick.trial.family
    assert one.met_probability == pytest.approx(other.met_probability, abs=1e-9)
    success, cost = one.choice.pick.trial.point
    assert other.choice.pick.trial.point[0] == pytest.approx(success)
    assert other.choice.pick.trial.point[1] == pytest.approx(cost * unit)
    for a, b in zip(one.report.document()["policies"], other.report.document()["policies"], strict=True):
        assert a["success_ci"] == pytest.approx(b["success_ci"])
        assert [end * unit for end in a["cost_ci"]] == pytest.approx(b["cost_ci"], rel=1e-6)


@pytest.mark.parametrize("unit", first([1e-6, 1e6]))
@pytest.mark.parametrize("name", first(GOALS, keep=3))
def test_the_unit_of_money_does_not(name: str, unit: float) -> None:
    table, goal = world(31, 120), GOALS[name]
    priced = replace(goal, amount=goal.amount * unit) if name in ("cost", "value") else goal
    same(tuned(table, goal), tuned(replace(table, cost=table.cost * unit), priced), unit=unit)


@pytest.mark.parametrize("name", first(GOALS, keep=2))
def test_the_tiers_names_do_not(name: str) -> None:
    """Renamed so that their order by name is turned around."""
    table, goal = world(32, 120), GOALS[name]
    names = dict(zip(TIERS, ("z-first", "m-second", "a-third"), strict=True))
    renamed = replace(table, arms=tuple(Step(names[arm.tier]) for arm in table.arms))
    asked = replace(goal, tier=names[goal.tier]) if goal.tier is not None else goal
    one, other = tuned(table, goal), tuned(renamed, asked)
    same(one, other)
    assert other.choice.pick.single == (names[one.choice.pick.single] if one.choice.pick.single else None)


@pytest.mark.parametrize("name", first(GOALS, keep=2))
def test_the_order_of_tasks_does_not(name: str) -> None:
    table = world(33, 120)
    same(tuned(table, GOALS[name]), tuned(table.rows(np.random.default_rng(0).permutation(120)), GOALS[name]))
