"""The threshold and fixed policies do what they say, verdict by verdict."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.policy.base import Policy
from cascade.policy.expected_value import ExpectedValuePolicy
from cascade.policy.fixed import FixedPolicy
from cascade.policy.threshold import ThresholdPolicy
from cascade.types import Attempt, Report, Verdict
from tests.policy.situations import TIERS, attempt, situation

POLICIES: list[Policy] = [ThresholdPolicy(), FixedPolicy(["flash", "pro"]), ExpectedValuePolicy(0.5)]


def test_it_starts_at_the_first_tier_that_is_likely_enough() -> None:
    assert ThresholdPolicy(0.5).decide(situation()).tier == "flash"
    assert ThresholdPolicy(0.6).decide(situation()).tier == "pro"
    assert ThresholdPolicy(0.9).decide(situation()).tier == "max"


def test_it_retries_then_escalates_then_stops() -> None:
    policy = ThresholdPolicy(0.0, attempts={"flash": 2, "pro": 1, "max": 0})
    first = policy.decide(situation(attempt("flash")))
    assert (first.action, first.tier) == ("retry", "flash")
    second = policy.decide(situation(attempt("flash"), attempt("flash", number=2, again=2)))
    assert (second.action, second.tier) == ("escalate", "pro")
    third = policy.decide(situation(attempt("flash"), attempt("pro", number=2)))
    assert third.action == "stop"
    assert "no attempt is left" in third.reason


def test_a_call_that_failed_is_not_repeated_but_escalated() -> None:
    broken = Attempt(number=1, tier="flash", error="model.timeout")
    decision = ThresholdPolicy(0.0).decide(situation(broken))
    assert (decision.action, decision.tier) == ("escalate", "pro")
    assert "model.timeout" in decision.reason


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_a_passed_verdict_is_accepted(policy: Policy) -> None:
    assert policy.decide(situation(attempt("flash", "passed"))).action == "accept"


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
@pytest.mark.parametrize("tier", TIERS)
def test_an_unchecked_verdict_never_escalates(policy: Policy, tier: str) -> None:
    decision = policy.decide(situation(attempt(tier, "unchecked")))
    assert decision.action == "stop"
    assert "pytest could not check" in decision.reason


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_where_nothing_was_to_be_checked_the_answer_is_accepted(policy: Policy) -> None:
    bare = Attempt(number=1, tier="flash", verdict=Verdict.of([]))
    assert policy.decide(situation(bare)).action == "accept"


def test_an_unchecked_answer_is_accepted_if_the_config_says_so() -> None:
    policy = ThresholdPolicy(on_unchecked="accept")
    assert policy.decide(situation(attempt("flash", "unchecked"))).action == "accept"


def test_what_does_not_fit_the_budget_is_not_tried() -> None:
    decision = ThresholdPolicy(0.6).decide(situation(budget=0.005))
    assert decision.action == "stop"
    assert "$0.010" in decision.reason
    assert "$0.0050 is left" in decision.reason


def test_a_fixed_order_is_followed_to_its_end() -> None:
    policy = FixedPolicy(["pro", "pro", "max"])
    made: tuple[Attempt, ...] = ()
    actions = []
    for number in range(4):
        decision = policy.decide(situation(*made))
        actions.append((decision.action, decision.tier))
        if decision.action != "stop":
            made = (*made, attempt(str(decision.tier), number=number + 1))
    assert actions == [("start", "pro"), ("retry", "pro"), ("escalate", "max"), ("stop", "max")]


def test_a_verdict_with_a_failure_and_an_unchecked_check_is_a_failure() -> None:
    mixed = Verdict.of([Report(name="a", status="failed"), Report(name="b", status="unchecked")])
    decision = ThresholdPolicy(0.0).decide(situation(Attempt(number=1, tier="flash", verdict=mixed)))
    assert decision.action == "retry"


@given(draw=st.floats(0, 1, exclude_max=True), start=st.floats(0, 1))
def test_the_same_situation_is_decided_the_same_way(draw: float, start: float) -> None:
    policy = ThresholdPolicy(start)
    assert policy.decide(situation(draw=draw)) == policy.decide(situation(draw=draw))
