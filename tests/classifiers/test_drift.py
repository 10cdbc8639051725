"""Drift is reported when outcomes leave the interval, and rarely otherwise; rates carry honest intervals."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cascade.classifiers.drift import LEAST_OUTCOMES, drift
from cascade.classifiers.intervals import wilson


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
