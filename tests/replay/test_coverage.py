"""95% intervals cover: in worlds of several kinds, and where the former method's intervals had no width.

Seeds are fixed. A cell may fall short of 93% by three standard errors of its own simulation.
"""

from __future__ import annotations

import numpy as np
import pytest

from cascade.errors import SupportError
from cascade.replay.engine import play
from cascade.replay.intervals import Moments, interval
from cascade.replay.offpolicy import off_policy
from cascade.replay.weighted import cost_interval, effective_failures, normalised
from cascade.tuning.estimates import FitSettings, fit_estimates
from tests.laws import first
from tests.replay.wide_worlds import WORLDS

LOGS = 40
LEAST = 0.93 - 3 * np.sqrt(0.93 * 0.07 / LOGS)


@pytest.mark.parametrize(
    "name", first(["heavy costs", "5% right", "97% right", "propensity 0.02", "retries", "thompson"])
)
def test_estimates_of_every_kind_cover_in_every_world(name: str) -> None:
    world = WORLDS[name]
    plan = world.plans()[0 if name == "propensity 0.02" else 1]
    parts = [play(world.table(10**7 + k, 50_000), plan) for k in range(4)]
    truth = [
        float(np.mean([one.success.mean() for one in parts])),
        float(np.mean([one.cost.mean() for one in parts])),
    ]
    held: dict[tuple[str, str], list[bool]] = {}
    for seed in range(1, LOGS + 1):
        try:
            found = off_policy(
                world.logged(world.table(seed, 400), seed),
                plan,
                model=lambda part: fit_estimates(part.table, FitSettings(rounds=4, classes=5)),
            )
        except SupportError:
            continue
        for one in (found.ips, found.snips, found.dr):
            held.setdefault((one.name, "success"), []).append(
                one.success_ci[0] <= truth[0] <= one.success_ci[1]
            )
            held.setdefault((one.name, "cost"), []).append(one.cost_ci[0] <= truth[1] <= one.cost_ci[1])
    assert len(held["dr", "cost"]) > LOGS // 2
    assert {cell: np.mean(inside) for cell, inside in held.items() if np.mean(inside) < LEAST} == {}


@pytest.mark.parametrize("n", first([60, 150, 400, 2000]))
@pytest.mark.parametrize("name", first(["plain", "5% right", "97% right", "rates"], keep=2))
def test_exact_figures_cover_at_every_size(name: str, n: int) -> None:
    g = np.random.default_rng(n)
    rate = {"5% right": 0.05, "97% right": 0.97}.get(name, 0.6)
    spread = 0.9
    inside = []
    for _ in range(400):
        won = g.beta(6 * rate, 6 * (1 - rate), n) if name == "rates" else (g.random(n) < rate).astype(float)
        low, high = interval(Moments.of(won), share=True)
        cheap, dear = cost_interval(Moments.of(np.exp(spread * g.normal(size=n))))
        inside.append((low <= rate <= high, cheap <= np.exp(spread**2 / 2) <= dear))
    assert (np.mean(inside, axis=0) >= 0.93 - 3 * np.sqrt(0.93 * 0.07 / 400)).all()


def test_a_share_of_one_on_few_effective_tasks_keeps_a_width() -> None:
    weights = np.zeros(400)
    weights[:20] = 20.0
    one = normalised(weights, (weights.copy(), weights * 0.01), 20.0)
    assert one.success == 1.0
    assert one.success_ci[0] < 0.9
    assert one.success_ci[1] == 1.0


def test_tasks_that_passed_early_do_not_make_a_log_look_larger_than_its_failures_would() -> None:
    weights = np.array([1.0] * 90 + [10.0] * 1 + [0.0] * 9)
    depth = np.array([1] * 90 + [3] * 1 + [0] * 9)
    assert effective_failures(weights, depth) == pytest.approx(10.0)
    assert effective_failures(weights[:90], depth[:90]) == pytest.approx(90.0)


def test_heavy_tails_cost_degrees_of_freedom_and_the_unit_changes_nothing() -> None:
    g = np.random.default_rng(0)
    values = np.exp(1.5 * g.normal(size=300))
    figure = Moments.of(values)
    assert figure.degrees < 30
    assert Moments.of(g.normal(size=300) + 5).degrees > 200
    low, high = interval(figure, share=False)
    for unit in (1e-6, 1e6):
        assert interval(Moments.of(values * unit), share=False) == pytest.approx(
            (low * unit, high * unit), rel=1e-6
        )
