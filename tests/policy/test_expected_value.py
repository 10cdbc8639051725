"""The expected-value policy takes the best step of an exact tree, and says so in words and numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.errors import PriceError
from cascade.policy.expected_value import Conditions, ExpectedValuePolicy
from cascade.policy.latent import Arm, LatentEstimates, stated_prior
from cascade.policy.steps import Step, Verifier
from tests.policy.situations import COSTS, TIERS, attempt, situation

chances = st.floats(0.02, 0.98)
amounts = st.floats(0.001, 1.0)


def estimates(p: Mapping[str, tuple[float, ...]]) -> LatentEstimates:
    classes = len(next(iter(p.values())))
    arms = {Step(tier): Arm(Step(tier), values) for tier, values in p.items()}
    return LatentEstimates(weights=(1 / classes,) * classes, arms=arms, known_only=True)


def brute_force(
    p: Mapping[str, tuple[float, ...]], costs: Mapping[str, float], v: float, verifier: Verifier
) -> float:
    """The best value over every order of distinct tiers, by enumeration."""
    best = 0.0
    for length in range(1, len(p) + 1):
        for order in permutations(p, length):
            alive = np.full(len(p[order[0]]), 1 / len(p[order[0]]))
            value = 0.0
            given_back = 0.0
            for tier in order:
                right = np.array(p[tier])
                value += alive.sum() * -costs[tier] + v * float(alive @ (right * verifier.accept))
                alive = alive * (1 - (right * verifier.accept + (1 - right) * (1 - verifier.reject)))
            for tier in order:
                right = np.array(p[tier])
                rejected = 1 - (right * verifier.accept + (1 - right) * (1 - verifier.reject))
                stands = np.where(
                    rejected > 0, right * (1 - verifier.accept) / np.maximum(rejected, 1e-300), 0
                )
                given_back = max(given_back, float(alive @ stands))
            best = max(best, value + v * given_back)
    return best


@settings(max_examples=25, deadline=None)
@given(
    p=st.tuples(*[st.tuples(chances, chances) for _ in TIERS]),
    costs=st.tuples(amounts, amounts, amounts),
    v=st.floats(0.01, 5.0),
    verifier=st.sampled_from([Verifier(), Verifier(0.95, 0.9), Verifier(0.9, 0.7)]),
)
def test_the_tree_is_exact(
    p: tuple[tuple[float, float], ...], costs: tuple[float, ...], v: float, verifier: Verifier
) -> None:
    known = dict(zip(TIERS, p, strict=True))
    prices = dict(zip(TIERS, costs, strict=True))
    policy = ExpectedValuePolicy(v, estimates=estimates(known), conditions=Conditions(verifier=verifier))
    decision = policy.decide(situation(costs=prices))
    best = max([0.0, *(option.value_usd or 0.0 for option in decision.options)])
    assert best == pytest.approx(brute_force(known, prices, v, verifier), rel=1e-9, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(1e-3, 1e3), v=st.floats(0.005, 2.0), failed=st.booleans())
def test_scaling_all_money_changes_no_decision(scale: float, v: float, failed: bool) -> None:
    made = (attempt("flash"),) if failed else ()
    dear = {tier: (cost or 0) * scale for tier, cost in COSTS.items()}
    plain = ExpectedValuePolicy(v).decide(situation(*made))
    scaled = ExpectedValuePolicy(v * scale).decide(situation(*made, costs=dear))
    assert (plain.action, plain.tier) == (scaled.action, scaled.tier)


def test_a_cheap_start_that_loses_money_is_not_taken() -> None:
    costs: Mapping[str, float | None] = {"flash": 0.5, "pro": 1.0}
    chance = {"flash": 0.3, "pro": 0.8}  # P(cheap passes) < cost(cheap) / cost(strong)
    decision = ExpectedValuePolicy(10.0).decide(situation(probabilities=chance, costs=costs))
    assert decision.tier == "pro"


def test_a_failure_makes_every_later_step_less_likely() -> None:
    before = {one.tier: one.p for one in ExpectedValuePolicy(0.5).decide(situation()).options}
    after = ExpectedValuePolicy(0.5).decide(situation(attempt("flash"))).options
    assert after
    for option in after:
        assert option.p is not None
        assert option.p < (before[option.tier] or 0)


def test_the_reason_names_the_step_and_what_it_was_weighed_against() -> None:
    decision = ExpectedValuePolicy(0.5).decide(situation(attempt("flash")))
    pattern = r"^escalate: pro 0\.\d\d at \$0\.010 against .*flash retry 0\.\d\d at \$0\.0020.*, v = \$0\.50$"
    assert re.match(pattern, decision.reason), decision.reason


def test_nothing_worth_its_cost_is_a_stop_that_says_so() -> None:
    decision = ExpectedValuePolicy(0.001).decide(situation())
    assert decision.action == "stop"
    assert "nothing left is worth its cost" in decision.reason


def test_an_unknown_price_is_an_error_not_a_zero() -> None:
    with pytest.raises(PriceError, match="flash"):
        ExpectedValuePolicy(0.5).decide(situation(costs={"flash": None, "pro": 0.01}))


def test_the_budget_is_kept_along_the_whole_tree() -> None:
    rich = ExpectedValuePolicy(50.0).decide(situation())
    poor = ExpectedValuePolicy(50.0).decide(situation(budget=0.011))
    assert {option.tier for option in rich.options} == set(TIERS)
    assert {option.tier for option in poor.options} == {"flash", "pro"}


def test_what_a_step_costs_is_missing_from_the_budget_of_the_next() -> None:
    """Each of two tiers fits the budget alone, both together do not: neither is worth more for the other."""
    p, v = {"flash": (0.5,), "pro": (0.7,)}, 1.0
    policy = ExpectedValuePolicy(
        v, estimates=estimates(p), conditions=Conditions(per_tier={"flash": 1, "pro": 1})
    )
    costs = {"flash": 0.004, "pro": 0.01}
    alone = {
        option.tier: option.value_usd
        for option in policy.decide(situation(costs=costs, budget=0.013)).options
    }
    both = {
        option.tier: option.value_usd
        for option in policy.decide(situation(costs=costs, budget=0.015)).options
    }
    assert alone == {"flash": pytest.approx(0.5 - 0.004), "pro": pytest.approx(0.7 - 0.01)}
    assert both["flash"] == pytest.approx(0.5 - 0.004 + 0.5 * (0.7 - 0.01))
    assert both["pro"] == pytest.approx(0.7 - 0.01 + 0.3 * (0.5 - 0.004))


def test_a_tier_whose_call_failed_is_not_offered_again() -> None:
    broken = replace(attempt("flash"), verdict=None, error="model.connection")
    decision = ExpectedValuePolicy(0.5).decide(situation(broken))
    assert {option.tier for option in decision.options} == {"pro", "max"}
    assert decision.action == "escalate"


def test_thompson_draws_nothing_where_no_answer_is_ever_accepted() -> None:
    """A step's worth hangs on P(right) only as far as right answers are accepted: here not at all."""
    blind = Conditions(verifier=Verifier(accept=0.0, reject=1.0))
    policy = ExpectedValuePolicy(0.5, explore="thompson", conditions=blind)
    plain = ExpectedValuePolicy(0.5, conditions=blind)
    for draw in (0.05, 0.5, 0.95):
        drawn, best = (one.decide(situation(draw=draw)) for one in (policy, plain))
        assert (drawn.action, drawn.tier, drawn.propensity) == (best.action, best.tier, 1.0)


@pytest.mark.parametrize("explore", [0.2, 1.0, "thompson"])
def test_the_logged_propensity_is_the_frequency_of_the_choice(explore: float) -> None:
    policy = ExpectedValuePolicy(0.05, explore=explore)
    draws = (np.arange(202) + 0.5) / 202
    decisions = [policy.decide(situation(attempt("flash"), draw=float(draw))) for draw in draws]
    counts = Counter((decision.action, decision.tier) for decision in decisions)
    for decision in decisions:
        share = counts[decision.action, decision.tier] / len(draws)
        assert share == pytest.approx(decision.propensity, abs=6e-3)


def test_without_exploration_every_propensity_is_one() -> None:
    assert ExpectedValuePolicy(0.5).decide(situation()).propensity == 1.0


def test_histories_are_chosen_where_the_log_tells_them_apart() -> None:
    arms = [
        Arm(Step("flash"), (0.5,)),
        Arm(Step("flash", 2, "flash", "full"), (0.05,)),
        Arm(Step("flash", 2, "flash", "diagnostics"), (0.4,)),
    ]
    known = LatentEstimates(weights=(1.0,), arms={arm.step: arm for arm in arms}, known_only=True)
    policy = ExpectedValuePolicy(0.5, estimates=known)
    decision = policy.decide(situation(attempt("flash"), costs={"flash": 0.002, "pro": 0.01}))
    assert (decision.action, decision.tier, decision.history) == ("retry", "flash", "diagnostics")


def test_waiting_has_its_price() -> None:
    slow = situation(costs={"flash": 0.002, "pro": 0.01})
    with_time = type(slow)(
        **{name: getattr(slow, name) for name in slow.__dataclass_fields__}
        | {"expected_latency_s": {"flash": 100.0, "pro": 1.0}}
    )
    policy = ExpectedValuePolicy(0.5, conditions=Conditions(second_usd=0.01))
    assert policy.decide(slow).tier == "flash"
    assert policy.decide(with_time).tier == "pro"


def test_the_stated_prior_meets_the_classifiers_probabilities() -> None:
    belief = stated_prior().belief(situation(), Verifier())
    for tier, p in situation().probabilities.items():
        assert belief.estimate(Step(tier)).p == pytest.approx(p, abs=1e-6)


@pytest.mark.parametrize(
    "wrong", [{"value_usd": -1.0}, {"max_attempts": 0}, {"explore": 1.5}], ids=lambda one: next(iter(one))
)
def test_senseless_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"value_usd|explore"):
        ExpectedValuePolicy(**wrong)  # type: ignore[arg-type]
