"""Logged verdicts are played as they are: the verdict decides whether a task goes on, the truth is the success."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.errors import SupportError
from cascade.policy.expected_value import Conditions, ExpectedValuePolicy
from cascade.policy.steps import Step, Verifier
from cascade.replay.baselines import always
from cascade.replay.engine import Played, play
from cascade.replay.offpolicy import off_policy
from cascade.replay.orders import all_orders
from cascade.replay.plans import FixedPlan, Plan
from cascade.replay.policy_plan import PolicyPlan
from cascade.replay.table import OutcomeTable
from cascade.replay.value_plan import ValuePlan
from cascade.tuning.estimates import FitSettings, fit_estimates
from tests.replay.worlds import TIERS, checked, logged, world

TWO = FixedPlan((Step("cheap"), Step("strong")))
THREE = FixedPlan(tuple(Step(tier) for tier in TIERS))


def same(one: Played, other: Played) -> None:
    assert one.success.tolist() == other.success.tolist()
    assert one.cost.tolist() == other.cost.tolist()
    assert (one.asked, one.spent, one.wasted) == (other.asked, other.spent, other.wasted)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), v=st.sampled_from([0.02, 0.2, 2.0]))
def test_verdicts_that_equal_the_truth_change_no_figure(seed: int, v: float) -> None:
    table = world(seed, 60)
    told = replace(table, accepted=table.outcome)
    estimates = fit_estimates(world(1, 200), FitSettings(rounds=5))
    plans: list[Plan] = [TWO, THREE, ValuePlan(estimates, v, 3)]
    for plan in plans:
        same(play(table, plan), play(told, plan))
    assert all_orders(table) == all_orders(told)


def test_a_verdict_ends_the_task_and_the_truth_is_its_success() -> None:
    table = OutcomeTable(
        tasks=[
            "wrong but accepted",
            "right but rejected",
            "nothing accepted, the last is right",
            "unchecked",
        ],
        arms=(Step("cheap"), Step("strong")),
        outcome=np.array([[0.0, 1], [1, 0], [0, 1], [1, 0]]),
        cost=np.tile([0.1, 1.0], (4, 1)),
        accepted=np.array([[1.0, 1], [0, 1], [0, 0], [np.nan, 1]]),
    )
    played = play(table, TWO)
    assert played.success.tolist() == [0, 0, 1, 1]
    assert played.cost.tolist() == pytest.approx([0.1, 1.1, 1.1, 0.1])


def test_the_truth_about_a_rejected_answer_is_only_asked_for_where_it_is_given_back() -> None:
    table = OutcomeTable(
        tasks=["goes on", "ends there"],
        arms=(Step("cheap"), Step("strong")),
        outcome=np.array([[np.nan, 1], [np.nan, np.nan]]),
        cost=np.ones((2, 2)),
        accepted=np.array([[0.0, 1], [0, 0]]),
    )
    played = play(table, TWO)
    assert played.success[0] == 1.0
    assert np.isnan(played.success[1])
    assert np.isnan(played.cost[1])
    assert played.missing == {"strong": 1}
    assert [order.steps for order in all_orders(table.rows(slice(0, 1)))] == [
        (Step("cheap"), Step("strong")),
        (Step("strong"),),
        (Step("strong"), Step("cheap")),
    ]


def test_an_accepted_answer_of_unknown_truth_is_unknown_never_right() -> None:
    table = replace(world(2, 30), accepted=np.ones((30, 3)))
    hidden = replace(table, outcome=np.full((30, 3), np.nan))
    assert play(hidden, TWO).unknown.all()


@pytest.mark.parametrize(("alpha", "beta"), [(0.95, 0.9), (0.8, 0.6)])
def test_logged_verdicts_come_in_expectation_to_what_their_rates_say(alpha: float, beta: float) -> None:
    table = world(3, 400)
    estimates = fit_estimates(table, FitSettings(rounds=10))
    checks = Verifier(alpha, beta)
    plans: list[Plan] = [TWO, THREE, FixedPlan((Step("middle"),)), ValuePlan(estimates, 0.3, 3, checks)]
    for plan in plans:
        rated = play(table, plan, verifier=checks)
        drawn = [play(checked(table, checks, seed), plan) for seed in range(60)]
        for name in ("success", "cost"):
            means = np.array([float(getattr(one, name).mean()) for one in drawn])
            error = means.std(ddof=1) / np.sqrt(len(means)) + 1e-12
            assert abs(means.mean() - float(getattr(rated, name).mean())) < 4 * error + 1e-9


def test_an_order_comes_to_what_playing_it_comes_to() -> None:
    table = checked(world(4, 200), Verifier(0.9, 0.7), 0)
    for order in all_orders(table):
        played = play(table, FixedPlan(order.steps))
        assert order.success == pytest.approx(float(played.success.mean()))
        assert order.cost == pytest.approx(float(played.cost.mean()))


@pytest.mark.parametrize("believed", [Verifier(), Verifier(0.9, 0.7)], ids=str)
def test_the_value_plan_gives_back_what_the_runtime_policy_names(believed: Verifier) -> None:
    table = checked(world(5, 60), Verifier(0.8, 0.7), 1)
    estimates = fit_estimates(world(1, 300), FitSettings(rounds=10))
    policy = ExpectedValuePolicy(
        0.4, max_attempts=3, estimates=estimates, conditions=Conditions(verifier=believed)
    )
    one = play(table, ValuePlan(estimates, 0.4, 3, believed))
    other = play(table, PolicyPlan(policy, TIERS, priced=False))
    assert one.success.tolist() == other.success.tolist()
    assert one.cost == pytest.approx(other.cost)


def test_a_tier_alone_is_as_right_as_it_is_whatever_the_checks_say() -> None:
    table = world(6, 100)
    for tier, played in always(checked(table, Verifier(0.5, 0.5), 0)).items():
        assert played.success.tolist() == table.outcome[:, TIERS.index(tier)].tolist()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_figures_on_verdicts_do_not_depend_on_the_order_of_tasks(seed: int) -> None:
    table = checked(world(7, 80), Verifier(0.85, 0.7), 3)
    order = np.random.default_rng(seed).permutation(len(table))
    one, other = play(table, THREE), play(table.rows(order), THREE)
    assert one.success[order].tolist() == other.success.tolist()


def test_estimates_from_decisions_on_verdicts_that_err_are_unbiased() -> None:
    """Replaying another policy from logs of decisions agrees with playing it on every outcome."""
    checks = Verifier(0.9, 0.7)
    whole = checked(world(11, 60_000), checks, 0)
    plan = FixedPlan((Step("middle"), Step("cheap")))
    truth = play(whole, plan)
    success, cost, robust = [], [], []
    for seed in range(40):
        table = checked(world(100 + seed, 400), checks, seed)
        found = off_policy(
            logged(table, seed),
            plan,
            model=lambda e: fit_estimates(e.table, FitSettings(rounds=3)),
            verifier=checks,
        )
        success.append(found.ips.success)
        cost.append(found.ips.cost)
        robust.append(found.dr.success)
    for values, wanted in ((success, truth.success), (cost, truth.cost), (robust, truth.success)):
        error = np.std(values, ddof=1) / np.sqrt(len(values))
        assert abs(np.mean(values) - float(wanted.mean())) < 4 * error


def test_a_plan_whose_answers_have_no_truth_is_refused() -> None:
    episodes = logged(checked(world(8, 300), Verifier(0.9, 0.7), 0), 0)
    rejected = episodes.table.accepted == 0
    outcome = np.where(rejected, np.nan, episodes.table.outcome)
    hidden = replace(episodes, table=replace(episodes.table, outcome=outcome))
    with pytest.raises(SupportError, match="would give back is right is not known"):
        off_policy(hidden, FixedPlan((Step("cheap"),)))
