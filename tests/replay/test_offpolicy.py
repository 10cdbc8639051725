"""Estimates from decisions: unbiased, honest about their width, and silent where nothing supports them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cascade.errors import SupportError
from cascade.policy.latent import LatentEstimates
from cascade.policy.steps import Step
from cascade.replay.engine import play
from cascade.replay.episodes import Episodes
from cascade.replay.offpolicy import off_policy
from cascade.replay.plans import FixedPlan
from cascade.replay.replay import replay_episodes
from cascade.tuning.estimates import FitSettings, fit_estimates
from tests.laws import first
from tests.replay.worlds import logged, world

CHEAP, STRONG = Step("cheap"), Step("middle")
PLANS = [FixedPlan((CHEAP, STRONG)), FixedPlan((STRONG,)), FixedPlan((STRONG, CHEAP)), FixedPlan((CHEAP,))]


def model(episodes: Episodes) -> LatentEstimates:
    return fit_estimates(episodes.table, FitSettings(rounds=8))


@pytest.mark.parametrize("plan", first(PLANS), ids=lambda plan: plan.label)
def test_the_estimators_are_unbiased_and_cover(plan: FixedPlan) -> None:
    truth = play(world(0, 40_000, 2), plan)
    want = {"success": truth.success.mean(), "cost": truth.cost.mean()}
    found: dict[tuple[str, str], list[tuple[float, bool]]] = {}
    for seed in range(40):
        result = off_policy(logged(world(seed + 1, 400, 2), seed), plan, model=model)
        for one in (result.ips, result.snips, result.dr):
            for figure, (low, high) in (("success", one.success_ci), ("cost", one.cost_ci)):
                value = getattr(one, figure)
                found.setdefault((one.name, figure), []).append((value, low <= want[figure] <= high))
    for (_, figure), results in found.items():
        values = np.array([value for value, _ in results])
        error = values.std(ddof=1) / np.sqrt(len(values))
        assert abs(values.mean() - want[figure]) < 4 * error
        assert np.mean([inside for _, inside in results]) >= 0.82  # 40 logs: 0.95 less 4 standard errors


def test_the_logged_policy_gives_the_logged_figures() -> None:
    table = world(2, 300, 2)
    episodes = logged(table, 3, explore=0.0)
    episodes = replace(episodes, propensity=np.where(np.isnan(episodes.propensity), np.nan, 1.0))
    known = np.isfinite(episodes.table.cost)
    stops_early = episodes.arms[:, 1] < 0
    rows = np.flatnonzero((np.nan_to_num(episodes.table.outcome)[:, 0] == 1) | ~stops_early)
    kept = Episodes(
        table=episodes.table.rows(rows), arms=episodes.arms[rows], propensity=episodes.propensity[rows]
    )
    plan = FixedPlan((CHEAP, STRONG))
    result = off_policy(kept, plan)
    logged_success = np.nanmax(kept.table.outcome, axis=1).mean()
    logged_cost = np.where(known[rows], kept.table.cost, 0.0).sum(axis=1).mean()
    for one in (result.ips, result.snips, result.dr):
        assert one.success == pytest.approx(logged_success)
        assert one.cost == pytest.approx(logged_cost)
    exact = replay_episodes(kept, plan).document()
    assert exact["estimator"] == "exact"
    assert exact["policies"][0]["success"] == pytest.approx(logged_success)
    assert exact["policies"][0]["cost_usd"] == pytest.approx(logged_cost)


def test_without_support_there_is_no_figure() -> None:
    episodes = logged(world(4, 300, 2), 5, explore=0.0)
    with pytest.raises(SupportError, match="never tried what fixed would do"):
        off_policy(episodes, FixedPlan((STRONG,)))


def test_without_propensities_there_is_no_figure() -> None:
    episodes = logged(world(4, 300, 2), 5)
    blank = replace(episodes, propensity=np.full_like(episodes.propensity, np.nan))
    with pytest.raises(SupportError, match="propensities are missing"):
        off_policy(blank, FixedPlan((STRONG,)))


def test_impossible_propensities_are_refused() -> None:
    episodes = logged(world(4, 300, 2), 5)
    with pytest.raises(SupportError, match="outside 0 to 1"):
        off_policy(replace(episodes, propensity=episodes.propensity * 3), FixedPlan((STRONG,)))


def test_a_handful_of_matching_tasks_is_not_enough() -> None:
    episodes = logged(world(4, 40, 2), 5)
    with pytest.raises(SupportError):
        off_policy(episodes, FixedPlan((STRONG, CHEAP)))


def test_each_cost_is_weighed_by_its_own_decision() -> None:
    """A first attempt counts by its own chance alone, whatever the log chose after it (per-decision weights)."""
    episodes = logged(world(8, 500, 2), 9)
    first = np.where(episodes.arms[:, 0] == 0, 1 / episodes.propensity[:, 0], 0.0)
    second = np.where(
        episodes.arms[:, 1] == 1, first / np.nan_to_num(episodes.propensity[:, 1], nan=1.0), 0.0
    )
    paid = np.nan_to_num(episodes.table.cost)
    want = float((first * paid[:, 0] + second * paid[:, 1]).mean())
    by_trajectory = float((second * paid.sum(axis=1)).mean())
    result = off_policy(episodes, FixedPlan((CHEAP, STRONG)))
    assert result.ips.cost == pytest.approx(want)
    assert want != pytest.approx(by_trajectory, rel=0.01)


def test_where_a_policy_stops_the_prefix_is_enough() -> None:
    episodes = logged(world(6, 400, 2), 7, explore=0.0)
    result = off_policy(episodes, FixedPlan((CHEAP,)))
    assert result.matched == 1.0
    assert result.effective == pytest.approx(400)
