"""The step after a failure: learned from what was left behind, equal in lean form, and clear about drift."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.classifiers.artifact import Card, default, dump, parse
from cascade.classifiers.drift import LEAST_OUTCOMES, drift
from cascade.classifiers.export import to_artifact
from cascade.classifiers.intervals import wilson
from cascade.classifiers.next_step import NextStepClassifier, history_figures
from cascade.classifiers.next_step_training import NextStepEstimator
from cascade.errors import InputError
from cascade.types import Attempt, Diagnostic, Report, Usage, Verdict

NAMES = ("flash.1.output_tokens", "flash.1.diagnostics")
STEPS = ("flash attempt 2", "pro")


def simulated(count: int = 400) -> tuple[list[dict[str, float]], np.ndarray]:
    """Long first answers are those of hard tasks; a retry hardly ever helps, pro helps on the short ones."""
    rng = np.random.default_rng(0)
    tokens = rng.lognormal(6, 1, count)
    hard = tokens > np.median(tokens)
    p = np.column_stack([np.full(count, 0.1), np.where(hard, 0.2, 0.8)])
    outcomes = (rng.random(p.shape) < p).astype(float)
    outcomes[::3, 0] = np.nan
    return [{NAMES[0]: float(x), NAMES[1]: float(rng.integers(1, 9))} for x in tokens], outcomes


def test_it_learns_which_figures_foretell_the_next_step_and_scores_alike_without_numpy() -> None:
    items, outcomes = simulated()
    estimator = NextStepEstimator(NAMES).fit(items, outcomes)
    card = Card(trained_on="a simulation", date="2026-11-24", n_tasks=400)
    text = dump(to_artifact(estimator, outcomes, STEPS, name="next", card=card))
    lean = NextStepClassifier(parse(text, kind="cascade.classifier.next_step"))
    assert lean.steps == STEPS
    wanted = estimator.predict_proba(items[:40])
    ours = np.array([[one.p for one in lean.estimates(item).values()] for item in items[:40]])
    assert np.abs(ours - wanted).max() < 1e-9
    short, long = lean.estimates({NAMES[0]: 100.0})["pro"], lean.estimates({NAMES[0]: 2000.0})["pro"]
    assert short.p > long.p + 0.3
    assert lean.estimates({NAMES[0]: 100.0})["flash attempt 2"].p == pytest.approx(0.1, abs=0.06)
    assert lean.estimates({})["pro"].p == pytest.approx(float(np.nanmean(outcomes[:, 1])), abs=0.1)


def test_an_artefact_of_another_kind_is_refused() -> None:
    with pytest.raises(InputError, match="next_step"):
        NextStepClassifier(default())


def attempt(number: int, code: str, *, output: str = "a") -> Attempt:
    finding = Diagnostic(message=f"fault {code}", code=code, path="s.py", line=1)
    report = Report(name="ruff", status="failed", diagnostics=(finding,))
    return Attempt(
        number=number,
        tier="flash",
        tier_attempt=number,
        history="diagnostics" if number > 1 else "none",
        output=output,
        verdict=Verdict.of([report]),
        usage=Usage(input=10, output=20),
        cost_usd=Decimal("0.001"),
    )


def test_figures_tell_what_changed_since_the_attempt_before() -> None:
    same = history_figures([attempt(1, "F821"), attempt(2, "F821")])
    other = history_figures([attempt(1, "F821"), attempt(2, "E999", output="b")])
    assert (same["last.diagnostics_changed"], same["last.same_answer"]) == (0.0, 1.0)
    assert (other["last.diagnostics_changed"], other["last.same_answer"]) == (1.0, 0.0)
    assert same["flash.2.output_tokens"] == 20.0
    assert same["last.shown_diagnostics"] == same["last.failed_ruff"] == 1.0
    assert history_figures([]) == {"attempts": 0.0}


@given(st.integers(0, 500), st.integers(1, 500))
def test_the_score_interval_holds_its_rate(passed: int, count: int) -> None:
    passed = min(passed, count)
    low, high = wilson(passed, count)
    assert 0 <= low <= passed / count + 1e-12
    assert passed / count - 1e-12 <= high <= 1


def test_the_score_interval_covers_in_19_of_20_samples() -> None:
    rng = np.random.default_rng(1)
    for p in (0.1, 0.5, 0.9):
        hits = [low <= p <= high for low, high in (wilson(k, 80) for k in rng.binomial(80, p, 600))]
        assert np.mean(hits) > 0.92


def test_drift_is_reported_when_outcomes_leave_the_interval_and_rarely_otherwise() -> None:
    rng = np.random.default_rng(2)
    given_p = [0.7] * 200
    assert drift("flash", given_p, [1.0] * 90 + [0.0] * 110, half_width=0.08).drifted
    assert "worse" in drift("flash", given_p, [0.0] * 200, half_width=0.08).reason
    assert "better" in drift("flash", given_p, [1.0] * 200, half_width=0.08).reason
    quiet = [drift("flash", given_p, list((rng.random(200) < 0.7) * 1.0), half_width=0.0) for _ in range(300)]
    assert sum(one.drifted for one in quiet) <= 9


def test_a_handful_of_outcomes_is_no_drift() -> None:
    few = drift("flash", [0.9] * (LEAST_OUTCOMES - 1), [0.0] * (LEAST_OUTCOMES - 1), half_width=0.05)
    assert not few.drifted
    assert "say nothing yet" in few.reason
    assert not drift("flash", [], [], half_width=0.05).drifted
