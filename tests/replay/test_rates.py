"""How often checks err is learnt from verdicts and truth: exact intervals that cover, also where few are labelled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from cascade.policy.steps import Step, Verifier
from cascade.replay.checks import CheckSums
from cascade.replay.checks_report import checks_report, lesson
from cascade.replay.error_sums import ErrorSums, Rate
from cascade.replay.labelled import expected_truth
from cascade.replay.marks import Marginal, Marks
from cascade.replay.rates import believed, expecting, learnt, on_checks
from cascade.replay.table import OutcomeTable
from tests.laws import first
from tests.replay.worlds import checked, world


def answers(right: list[int], accepted: list[int]) -> OutcomeTable:
    """One answer a task."""
    shape = (len(right), 1)
    return OutcomeTable(
        tasks=[f"t{k}" for k in range(len(right))],
        arms=(Step("flash"),),
        outcome=np.array(right, dtype=float).reshape(shape),
        cost=np.ones(shape),
        accepted=np.array(accepted, dtype=float).reshape(shape),
    )


def test_one_answer_a_task_has_the_exact_interval_of_its_count() -> None:
    rates = learnt(answers([1] * 20 + [0] * 10, [1] * 17 + [0] * 3 + [1] * 2 + [0] * 8))
    assert rates is not None
    for rate, k, n in ((rates.accepts_right, 17, 20), (rates.rejects_wrong, 8, 10)):
        exact = binomtest(k, n).proportion_ci(0.95, method="exact")
        assert (rate.share, rate.n) == (k / n, n)
        assert (rate.low, rate.high) == pytest.approx((exact.low, exact.high))


def test_verdicts_that_equal_the_truth_are_taken_never_to_err() -> None:
    table = world(1, 100)
    assert believed(replace(table, accepted=table.outcome)) == Verifier()
    assert believed(table) == Verifier()


def test_few_answers_are_pulled_towards_never_erring() -> None:
    assert Rate(0.5, 0.1, 0.9, 4).pulled == pytest.approx((2 + 2) / 6)
    assert Rate(0.5, 0.4, 0.6, 4000).pulled == pytest.approx(0.5, abs=1e-3)
    assert Rate().pulled == 1.0


@pytest.mark.parametrize(("alpha", "beta"), first([(0.95, 0.9), (0.7, 0.6), (0.99, 0.97)]))
def test_rates_converge_and_their_intervals_cover(alpha: float, beta: float) -> None:
    covered = np.zeros(2)
    for seed in range(400):
        rates = learnt(checked(world(seed, 60), Verifier(alpha, beta), seed))
        assert rates is not None
        covered += [
            rates.accepts_right.low <= alpha <= rates.accepts_right.high,
            rates.rejects_wrong.low <= beta <= rates.rejects_wrong.high,
        ]
    assert (covered / 400 >= 0.93).all()
    many = learnt(checked(world(1, 60_000), Verifier(alpha, beta), 5))
    assert many is not None
    assert many.accepts_right.share == pytest.approx(alpha, abs=0.005)
    assert many.rejects_wrong.share == pytest.approx(beta, abs=0.005)


def test_errors_that_go_with_the_task_make_the_interval_wider_so_that_it_covers() -> None:
    """A test that is wrong rejects every tier's right answer: three answers are worth hardly more than one."""
    covered = 0
    for seed in range(400):
        g = np.random.default_rng(seed)
        fine = np.repeat(g.random((60, 1)) < 0.8, 3, axis=1)
        table = replace(world(seed, 60), outcome=np.ones((60, 3)), accepted=fine.astype(float))
        rates = learnt(table)
        assert rates is not None
        covered += rates.accepts_right.low <= 0.8 <= rates.accepts_right.high
    assert covered / 400 >= 0.93


def labelled_some(table: OutcomeTable, seed: int, *, accepted: float, rejected: float) -> OutcomeTable:
    """Truth is told of shares of what was accepted and of what was rejected."""
    g = np.random.default_rng(seed)
    told = g.random(table.outcome.shape) < np.where(table.accepted == 1, accepted, rejected)
    return replace(table, outcome=np.where(told, table.outcome, np.nan))


def test_labels_that_depend_on_the_verdict_do_not_bias_the_rates() -> None:
    checks = Verifier(0.85, 0.75)
    some = labelled_some(checked(world(2, 60_000), checks, 0), 1, accepted=0.8, rejected=0.1)
    rates = learnt(some)
    assert rates is not None
    assert rates.weighted
    assert rates.accepts_right.share == pytest.approx(0.85, abs=0.01)
    assert rates.rejects_wrong.share == pytest.approx(0.75, abs=0.01)
    covered = 0
    for seed in range(200):
        few = labelled_some(checked(world(seed, 80), checks, seed), seed, accepted=0.8, rejected=0.3)
        found = learnt(few)
        assert found is not None
        covered += found.accepts_right.low <= 0.85 <= found.accepts_right.high
    assert covered / 200 >= 0.93


def test_without_a_label_on_any_rejected_answer_false_rejections_are_said_to_be_unseen() -> None:
    some = labelled_some(checked(world(3, 200), Verifier(0.8, 0.8), 0), 0, accepted=1.0, rejected=0.0)
    rates = learnt(some)
    assert rates is not None
    assert rates.unseen == ("rejections",)
    assert rates.accepts_right.share == 1.0
    assert rates.accepts_right.low < 0.8
    report = checks_report(some)
    assert report is not None
    assert "false rejections cannot be seen" in " ".join(report.words())


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), cut=st.integers(1, 79))
def test_sums_of_parts_in_any_order_are_the_sums_of_the_whole(seed: int, cut: int) -> None:
    table = checked(world(4, 80), Verifier(0.8, 0.7), 0)
    table = replace(table, verdicts={"a": table.accepted, "b": table.outcome})  # type: ignore[dict-item]
    shuffled = table.rows(np.random.default_rng(seed).permutation(80))
    parts = [shuffled.rows(slice(0, cut)), shuffled.rows(slice(cut, 80))]
    merged = sum((CheckSums.of(part) for part in parts), CheckSums())
    whole = CheckSums.of(table)
    assert (merged.whole, merged.sets, merged.marginals) == (whole.whole, whole.sets, whole.marginals)
    assert sum((Marks.of(part).sums() for part in parts), ErrorSums()).rates == learnt(table)


def test_what_a_validator_adds_is_said_in_words() -> None:
    said = lesson("mypy", ["mypy", "pytest"], Marginal(right=120, rejected=4, wrong=9, caught=0))
    assert said == (
        "mypy rejects 4 of 120 right answers that pytest lets pass and catches none of the 9 wrong ones: leave it out"
    )
    assert "adds nothing" in lesson("ruff", ["ruff", "a", "b"], Marginal(right=50, wrong=3))
    assert "keep it" in lesson("pytest", ["mypy", "pytest"], Marginal(right=50, wrong=3, caught=2))


def test_checked_answers_without_a_truth_count_by_their_verdict_and_never_as_their_verdict() -> None:
    table = answers([1, 1, 1, 0, 0, 1, 1, 1], [1, 1, 1, 1, 0, 0, 1, 0])
    outcome = table.outcome.copy()
    outcome[6:] = np.nan
    filled = expected_truth(replace(table, outcome=outcome)).outcome[:, 0]
    assert filled[:6].tolist() == table.outcome[:6, 0].tolist()
    assert filled[6] == pytest.approx(3 / 4)  # 3 of 4 accepted ones are right
    assert filled[7] == pytest.approx(1 / 2)


def test_rates_rest_on_what_was_told_not_on_what_is_expected() -> None:
    some = labelled_some(checked(world(5, 200), Verifier(0.8, 0.8), 0), 0, accepted=0.9, rejected=0.4)
    assert learnt(expected_truth(some)) == learnt(some)
    never = replace(some, outcome=some.outcome.copy(), accepted=some.accepted.copy())  # type: ignore[union-attr]
    never.outcome[:50, 2] = never.accepted[:50, 2] = np.nan  # type: ignore[index]
    guessed = replace(never, outcome=np.where(never.seen, never.outcome, 0.6))
    assert learnt(expecting(guessed, never)) == learnt(never)


def test_what_was_never_tried_is_accepted_as_often_as_the_set_that_is_played_would() -> None:
    table = checked(world(6, 300), Verifier(0.9, 0.9), 0)
    verdicts = {"a": table.accepted, "b": np.ones_like(table.outcome)}
    logged = replace(table, verdicts=verdicts)  # type: ignore[arg-type]
    for values in (logged.outcome, logged.accepted, *logged.verdicts.values()):
        values[:100, 2] = np.nan  # type: ignore[index]
    guessed = replace(logged, outcome=np.where(logged.seen, logged.outcome, 0.6))
    whole = expecting(guessed, logged)
    for names in (("a",), ("b",)):
        alone = on_checks(whole, names)
        rates = learnt(logged, names)
        assert rates is not None
        checks = rates.verifier
        assert alone.accepted is not None
        assert alone.accepted_right is not None
        assert alone.accepted[:100, 2] == pytest.approx(checks.passes(0.6))
        assert alone.accepted_right[:100, 2] == pytest.approx(0.6 * checks.accept)
        assert np.isnan(alone.accepted_right[100:]).all()
