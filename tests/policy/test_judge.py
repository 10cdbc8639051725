"""A judge's word counts where nothing is proven, and only there; what it weighs is said in numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.codec import from_json, to_json
from cascade.policy.expected_value import Conditions, ExpectedValuePolicy
from cascade.policy.fixed import FixedPolicy
from cascade.policy.judge import best_judged, doubted
from cascade.policy.latent import Arm, LatentEstimates
from cascade.policy.steps import Step, Verifier
from cascade.policy.threshold import ThresholdPolicy
from cascade.types import Attempt, CheckStatus, Judged, Report, Task, Verdict
from tests.policy.judges import RIGHT, WRONG, judge
from tests.policy.situations import situation

TASK = Task(prompt="What is 2 + 2?")


def attempt(*checks: tuple[str, CheckStatus], output: str = RIGHT, tier: str = "flash") -> Attempt:
    verdict = Verdict.of([Report(name=name, status=status) for name, status in checks])
    return Attempt(number=1, tier=tier, output=output, verdict=verdict)


def judged(p: float, *checks: tuple[str, CheckStatus], number: int = 1, **others: float) -> Attempt:
    told = Judged(judge="j", version="1", p=p, low=p, high=p, accept=0.6, others=others)
    return replace(attempt(*checks), number=number, tier_attempt=number, judged=told)


@pytest.mark.parametrize(
    ("checks", "asked"),
    [
        ((), True),
        ((("ruff", "passed"),), True),
        ((("ruff", "passed"), ("pytest", "passed")), False),
        ((("pytest", "failed"),), True),
        ((("pytest", "unchecked"),), True),
    ],
    ids=["nothing to check", "read only", "executed", "failed", "unchecked"],
)
def test_it_is_asked_where_nothing_that_executes_the_answer_passed(checks: Any, asked: bool) -> None:
    assert (judge().judged(TASK, attempt(*checks)) is not None) == asked
    assert judge(when="always").judged(TASK, attempt(*checks)) is not None
    assert judge("pro").judged(TASK, attempt(*checks)) is None


def test_what_it_says_survives_a_checkpoint() -> None:
    told = judge(others=("pro",)).judged(TASK, attempt(output=WRONG))
    assert told is not None
    assert (told.judge, told.version, told.others) == ("answer:sums", "v1", {"pro": 0.5})
    assert told.p == pytest.approx(0.2)
    assert told.low == pytest.approx(0.1)
    made = replace(attempt(), judged=told)
    assert from_json(Attempt, to_json(made)) == made


POLICIES = [ThresholdPolicy(0.0), FixedPolicy(["flash", "flash", "pro"])]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: one.name)
def test_an_answer_judged_too_unlikely_is_gone_on_from_as_after_a_failure(policy: ThresholdPolicy) -> None:
    for checks in ((), (("ruff", "passed"),)):
        decision = policy.decide(situation(judged(0.31, *checks)))
        assert decision.action == "retry"
        assert "is judged 0.31 likely right, less than 0.60" in decision.reason
        accepted = policy.decide(situation(judged(0.6, *checks)))
        assert accepted.action == "accept"
        assert accepted.reason.endswith("judged 0.60 likely right")


@given(p=st.floats(0, 1))
@pytest.mark.parametrize("policy", [*POLICIES, ExpectedValuePolicy(0.5)], ids=lambda one: one.name)
def test_what_could_not_be_checked_or_failed_stays_so_whatever_the_judge_says(policy: Any, p: float) -> None:
    unchecked = situation(judged(p, ("ruff", "passed"), ("pytest", "unchecked")))
    assert policy.decide(unchecked).action == "stop"
    assert policy.decide(unchecked).reason == "stop: pytest could not check"
    failed = situation(judged(p, ("pytest", "failed")))
    plain = situation(attempt(("pytest", "failed")))
    assert policy.decide(failed) == policy.decide(plain)
    assert failed.attempts[0].judged_p is None
    assert not doubted(failed.attempts[0])


PRO = {"flash": 0.002, "pro": 0.01}


@given(p=st.floats(0.01, 0.99), pro=st.floats(0.01, 0.99), v=st.floats(0.02, 2.0))
def test_the_better_of_accepting_and_going_on_is_taken(p: float, pro: float, v: float) -> None:
    policy = ExpectedValuePolicy(v, conditions=Conditions(per_tier={"flash": 1, "pro": 1}))
    decision = policy.decide(situation(judged(p, pro=pro), costs=PRO))
    going = pro * v - 0.01
    if abs(going - p * v) > 1e-3:
        expected = "escalate" if going > p * v else ("accept" if p >= 0.6 else "stop")
        assert decision.action == expected


def test_the_reason_says_both_numbers() -> None:
    policy = ExpectedValuePolicy(0.5, conditions=Conditions(per_tier={"flash": 1, "pro": 1}))
    decision = policy.decide(situation(judged(0.31, pro=0.71), costs=PRO))
    assert decision.reason == (
        "escalate: judged 0.31 likely right: accepting is worth $0.15, going on $0.34 (pro 0.71 at $0.010), v = $0.50"
    )
    kept = policy.decide(situation(judged(0.7, pro=0.52), costs=PRO))
    assert kept.reason.startswith(
        "accept: judged 0.70 likely right: accepting is worth $0.35, going on $0.25 (pro 0.52 at $0.010)"
    )
    given_back = policy.decide(situation(judged(0.5, pro=0.3), costs=PRO))
    assert given_back.action == "stop"
    assert given_back.reason.endswith("less than 0.60, so it is given back unaccepted")


def test_the_likeliest_answer_is_accepted_not_the_last() -> None:
    policy = ExpectedValuePolicy(0.01, max_attempts=2)
    decision = policy.decide(situation(judged(0.8), judged(0.3, number=2)))
    assert (decision.action, decision.given) == ("accept", 1)
    best = best_judged([judged(0.8), judged(0.3, number=2)])
    assert best is not None
    assert best.number == 1


A, B = Step("flash"), Step("pro")
CLASSES = LatentEstimates(
    weights=(0.5, 0.5),
    arms={A: Arm(A, (0.9, 0.1), (0.1, 0.1)), B: Arm(B, (0.8, 0.3), (0.1, 0.1))},
)


def test_a_judge_moves_the_belief_between_what_right_and_wrong_would_mean() -> None:
    belief = CLASSES.belief(situation(), Verifier())
    assert belief.doubted(A, 0.0).weights == pytest.approx(belief.rejected(A).weights)
    assert belief.doubted(A, 0.5).weights == pytest.approx(
        belief.weights
    )  # as likely as was believed: no news
    assert belief.doubted(A, 1.0).weights == pytest.approx((0.9, 0.1))
    wrong, unsure = (CLASSES.belief(situation(judged(p)), Verifier()).estimate(B).p for p in (0.1, 0.4))
    assert wrong < unsure < belief.estimate(B).p


@given(p=st.floats(0.01, 0.99))
def test_what_the_judge_says_of_another_tier_is_believed_until_that_is_tried(p: float) -> None:
    told = CLASSES.belief(situation(judged(0.4, pro=p)), Verifier())
    assert told.estimate(B).p == pytest.approx(p, abs=1e-6)
    tried = replace(judged(0.4, pro=p), number=2, tier="pro")
    again = CLASSES.belief(situation(judged(0.4), tried), Verifier())
    assert again.shifts == {}


def test_a_stated_verifier_is_kept() -> None:
    conditions = Conditions(verifier=Verifier(0.9, 0.5), per_tier={"flash": 1, "pro": 1})
    decision = ExpectedValuePolicy(0.5, conditions=conditions).decide(
        situation(judged(0.31, pro=0.71), costs=PRO)
    )
    (option,) = decision.options
    rejected = 1 - (0.71 * 0.9 + 0.29 * 0.5)
    stands = max(0.31, 0.71 * 0.1 / rejected)
    assert option.value_usd == pytest.approx(0.71 * 0.9 * 0.5 - 0.01 + rejected * stands * 0.5, abs=1e-6)
