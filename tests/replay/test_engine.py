"""What is replayed on known outcomes is exact: against the runtime policies, against expectations, in parts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.policy.expected_value import Conditions, ExpectedValuePolicy
from cascade.policy.fixed import FixedPolicy
from cascade.policy.steps import Step, Verifier
from cascade.policy.threshold import ThresholdPolicy
from cascade.replay.engine import play
from cascade.replay.intervals import Moments, interval
from cascade.replay.plans import FixedPlan, Plan, ThresholdPlan
from cascade.replay.policy_plan import PolicyPlan
from cascade.replay.value_plan import ValuePlan
from cascade.tuning.estimates import FitSettings, fit_estimates
from tests.laws import first
from tests.replay.worlds import TIERS, world

VERIFIERS = [Verifier(), Verifier(0.95, 0.9), Verifier(0.9, 0.7)]


def same(one: Plan, other: Plan, *, verifier: Verifier | None = None, rates: bool = False) -> None:
    table = world(3, 60, rates=rates)
    a, b = play(table, one, verifier=verifier), play(table, other, verifier=verifier)
    assert a.success == pytest.approx(b.success)
    assert a.cost == pytest.approx(b.cost)
    assert a.asked == pytest.approx(b.asked)


@pytest.mark.parametrize("v", first([0.1, 0.02, 0.4, 3.0]))
@pytest.mark.parametrize("verifier", VERIFIERS, ids=str)
def test_the_value_plan_decides_as_the_runtime_policy_does(v: float, verifier: Verifier) -> None:
    estimates = fit_estimates(world(1, 300), FitSettings(rounds=10))
    policy = ExpectedValuePolicy(
        v, max_attempts=3, estimates=estimates, conditions=Conditions(verifier=verifier)
    )
    same(ValuePlan(estimates, v, 3, verifier), PolicyPlan(policy, TIERS, priced=False), verifier=verifier)


@pytest.mark.parametrize("start", [0.0, 0.55, 0.8, 1.0])
def test_the_threshold_plan_decides_as_the_runtime_policy_does(start: float) -> None:
    table = world(4, 80)
    g = np.random.default_rng(0)
    table = replace(table, probabilities={tier: g.random(80) for tier in TIERS})
    attempts = {"cheap": 1, "middle": 0, "strong": 1}
    policy = ThresholdPolicy(start, attempts=attempts)
    one = play(table, ThresholdPlan(TIERS, start, attempts))
    other = play(table, PolicyPlan(policy, TIERS))
    assert one.success == pytest.approx(other.success)
    assert one.cost == pytest.approx(other.cost)


@pytest.mark.parametrize("verifier", VERIFIERS, ids=str)
def test_the_fixed_plan_decides_as_the_runtime_policy_does(verifier: Verifier) -> None:
    steps = (Step("cheap"), Step("strong"))
    same(FixedPlan(steps), PolicyPlan(FixedPolicy(["cheap", "strong"]), TIERS), verifier=verifier)


@settings(max_examples=20, deadline=None)
@given(accept=st.floats(0.5, 1.0), reject=st.floats(0.5, 1.0))
def test_a_verifier_that_errs_is_replayed_in_expectation(accept: float, reject: float) -> None:
    table = world(5, 50, tiers=2, rates=True)
    played = play(table, FixedPlan((Step("cheap"), Step("middle"))), verifier=Verifier(accept, reject))
    weak, strong = table.outcome[:, 0], table.outcome[:, 1]
    escalated = 1 - (weak * accept + (1 - weak) * (1 - reject))
    assert played.success == pytest.approx(weak * accept + escalated * strong)  # the last answer stands
    assert played.cost == pytest.approx(table.cost[:, 0] + escalated * table.cost[:, 1])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(1e-6, 1e6))
def test_figures_do_not_depend_on_the_order_of_tasks_nor_on_the_unit_of_money(
    seed: int, scale: float
) -> None:
    table = world(6, 120)
    estimates = fit_estimates(table, FitSettings(rounds=5))
    order = np.random.default_rng(seed).permutation(len(table))
    one = play(table, ValuePlan(estimates, 0.2, 3))
    other = play(table.rows(order), ValuePlan(estimates, 0.2, 3))
    assert one.success[order] == pytest.approx(other.success)
    assert one.cost[order] == pytest.approx(other.cost)
    dear = replace(table, cost=table.cost * scale)
    again = play(dear, ValuePlan(fit_estimates(dear, FitSettings(rounds=5)), 0.2 * scale, 3))
    assert again.success == pytest.approx(one.success)
    assert again.cost == pytest.approx(one.cost * scale)


def test_what_each_tier_cost_adds_up_to_the_whole() -> None:
    table = world(7, 200)
    played = play(table, FixedPlan(tuple(Step(tier) for tier in TIERS)), verifier=Verifier(0.9, 0.8))
    assert sum(played.spent.values()) == pytest.approx(played.cost.mean())
    assert all(0 <= played.wasted[tier] <= played.spent[tier] + 1e-12 for tier in TIERS)


def test_a_path_that_leaves_the_log_is_marked_unknown_never_guessed() -> None:
    table = world(8, 20)
    outcome = table.outcome.copy()
    outcome[:5, 2] = np.nan
    played = play(replace(table, outcome=outcome), FixedPlan((Step("strong"),)))
    assert played.unknown.sum() == 5
    assert np.isnan(played.success[:5]).all()
    assert played.missing == {"strong": 5}


@settings(deadline=None)
@given(values=st.lists(st.floats(0, 100), min_size=2, max_size=50), cut=st.integers(1, 49))
def test_sums_merge_to_the_same_interval_as_the_whole(values: list[float], cut: int) -> None:
    data = np.array(values)
    parts = Moments.of(data[:cut]) + Moments.of(data[cut:])
    whole = Moments.of(data)
    assert parts.n == whole.n
    assert parts.mean == pytest.approx(whole.mean)
    assert interval(parts, share=False) == pytest.approx(interval(whole, share=False), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_exact_intervals_cover_what_they_promise(p: float) -> None:
    g = np.random.default_rng(1)
    rates = [interval(Moments.of((g.random(60) < p).astype(float)), share=True) for _ in range(400)]
    assert np.mean([low <= p <= high for low, high in rates]) >= 0.93
    mean = float(np.exp(0.5 * 0.6**2))
    costs = [interval(Moments.of(np.exp(0.6 * g.normal(size=60))), share=False) for _ in range(400)]
    assert np.mean([low <= mean <= high for low, high in costs]) >= 0.93


def test_all_passed_still_has_an_interval() -> None:
    low, high = interval(Moments.of(np.ones(3)), share=True)
    assert high == 1.0
    assert low < 0.5
