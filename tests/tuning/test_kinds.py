"""The kind of failure decides what to try next: it is learnt from a log, used at run time, and replayed alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.policy.artifact import dump_estimates
from cascade.policy.expected_value import ExpectedValuePolicy
from cascade.policy.latent import Flag, LatentEstimates
from cascade.policy.steps import Step, Verifier
from cascade.replay.engine import Played, play
from cascade.replay.plans import FixedPlan
from cascade.replay.policy_plan import PolicyPlan
from cascade.replay.table import Floats, OutcomeTable
from cascade.replay.value_plan import ValuePlan
from cascade.tuning.estimates import FitSettings, fit_estimates
from cascade.tuning.lessons import lessons
from tests.laws import first
from tests.policy.situations import situation

FLASH, AGAIN, PRO = Step("flash"), Step("flash", 2, "flash", "diagnostics"), Step("pro")
VALUE = 0.05


def log(seed: int, n: int, *, kinds: bool = True) -> OutcomeTable:
    """Flash is right on 40%. A type error is mended by a retry at 90%, a wrong answer at 5%; pro fares the other
    way round, 60% and 90%. Without `kinds` what failed is a coin's toss."""
    g = np.random.default_rng(seed)
    right, types = g.random(n) < 0.4, g.random(n) < 0.5
    told = types if kinds else g.random(n) < 0.5
    outcome = np.full((n, 3), np.nan)
    outcome[:, 0] = right
    outcome[~right, 1] = (g.random(n) < np.where(types, 0.9, 0.05))[~right]
    outcome[:, 2] = g.random(n) < np.where(right, 0.95, np.where(types, 0.6, 0.9))
    cost = np.array([0.004, 0.006, 0.02]) * np.exp(0.3 * g.normal(size=(n, 3)))
    tokens = np.round(np.exp(5 + 0.5 * g.normal(size=n)))

    def first(column: npt.ArrayLike) -> Floats:
        return np.stack([np.asarray(column), np.full(n, np.nan), np.full(n, np.nan)], axis=1)

    found = np.where(right, 0.0, 1 + g.poisson(2, n))
    figures = {
        "failed_mypy": first(1.0 * (~right & told)),
        "failed_pytest": first(1.0 * (~right & ~told)),
        "diagnostics": first(found),
        "errors": first(found),
        "output_tokens": first(tokens),
    }
    return OutcomeTable(
        tasks=[f"t{seed}-{k}" for k in range(n)],
        arms=(FLASH, AGAIN, PRO),
        outcome=outcome,
        cost=np.where(np.isnan(outcome), np.nan, cost),
        figures=figures,
    )


def worth(played: Played) -> float:
    return float(VALUE * played.success.mean() - played.cost.mean())


def after(estimates: LatentEstimates, kind: str) -> tuple[float, float]:
    """P(the retry is right) and P(pro is) after flash failed this check."""
    told = {name: float(name == f"failed_{kind}") for name in ("failed_mypy", "failed_pytest")}
    belief = estimates.belief(situation(), Verifier()).rejected(FLASH).saw(FLASH, told)
    return belief.estimate(AGAIN).p, belief.estimate(PRO).p


def test_which_step_pays_after_which_failure_is_learnt() -> None:
    estimates = fit_estimates(log(0, 600))
    retry, pro = after(estimates, "mypy")
    assert (retry, pro) == pytest.approx((0.9, 0.6), abs=0.12)
    retry, pro = after(estimates, "pytest")
    assert (retry, pro) == pytest.approx((0.05, 0.9), abs=0.12)


@pytest.mark.parametrize("seed", first(range(3)))
def test_the_policy_that_knows_the_kind_beats_the_one_that_does_not(seed: int) -> None:
    unseen = log(100, 20_000)
    knowing = fit_estimates(log(seed, 400))
    blind = fit_estimates(log(seed, 400), FitSettings(figures=()))
    known, unknown = (play(unseen, ValuePlan(one, VALUE, 3)) for one in (knowing, blind))
    fixed = [(PRO,), (FLASH, PRO), (FLASH, AGAIN), (FLASH, AGAIN, PRO)]
    assert worth(known) > worth(unknown) + 0.001
    assert worth(known) > max(worth(play(unseen, FixedPlan(order))) for order in fixed) + 0.001


def test_a_kind_that_says_nothing_adds_no_classes() -> None:
    settings = FitSettings()
    assert len(fit_estimates(log(0, 600, kinds=False), settings).weights) == settings.classes
    assert len(fit_estimates(log(0, 600), settings).weights) == 2 * settings.classes


def test_the_run_decides_as_the_replay_does() -> None:
    estimates = fit_estimates(log(1, 400))
    assert isinstance(estimates.arms[FLASH].traces["failed_mypy"], Flag)
    policy = ExpectedValuePolicy(VALUE, max_attempts=3, estimates=estimates)
    table = log(2, 150)
    one = play(table, ValuePlan(estimates, VALUE, 3))
    other = play(table, PolicyPlan(policy, ("flash", "pro"), priced=False))
    assert one.success == pytest.approx(other.success)
    assert one.cost == pytest.approx(other.cost)


def test_the_lesson_is_told_in_words() -> None:
    said = [str(lesson) for lesson in lessons(log(4, 600))]
    retry = "retried flash shown diagnostics of the failure: right on "
    assert any(line.startswith(f"after flash failed in mypy, {retry}88%") for line in said)
    assert any(line.startswith(f"after flash failed in pytest, {retry}9%") for line in said)
    quiet = [str(lesson) for lesson in lessons(log(4, 600, kinds=False))]
    assert len(quiet) == 2
    assert not any("failed in" in line for line in quiet)


@settings(max_examples=8, deadline=None)
@given(order=st.permutations(range(300)))
def test_the_order_of_tasks_changes_nothing(order: list[int]) -> None:
    table, quick = log(3, 300), FitSettings(rounds=5)
    one = fit_estimates(table, quick)
    other = fit_estimates(table.rows(np.array(order)), quick)
    assert dump_estimates(one)[:40] == dump_estimates(other)[:40]
    for step, arm in one.arms.items():
        assert arm.p == pytest.approx(other.arms[step].p, abs=1e-6)
