"""The estimator: calibrated where the truth is known, indifferent to order, clear about what it cannot learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from cascade.classifiers.answer_features import Answered
from cascade.classifiers.calibration import expected_error
from cascade.classifiers.training import AnswerEstimator, TierPassEstimator
from cascade.errors import InputError
from cascade.types import Task
from tests.classifiers.conftest import SMALL, Simulated, simulate


def test_probabilities_meet_the_truth_on_unseen_tasks(fitted: TierPassEstimator) -> None:
    unseen = simulate(400, seed=9)
    found = fitted.predict_proba(unseen.tasks)
    assert found.shape == (400, 2)
    assert np.abs(found - unseen.truth).mean() < 0.06
    for tier in (0, 1):
        assert expected_error(found[:, tier], unseen.truth[:, tier], bins=5) < 0.06


@pytest.mark.parametrize("method", ["linear", "platt", "isotonic"])
def test_held_out_figures_are_calibrated_by_every_method(log: Simulated, method: str) -> None:
    held = TierPassEstimator(texts=(SMALL,), calibration=method).fit(log.tasks, log.outcomes).held_out_  # type: ignore[arg-type]
    for tier in (0, 1):
        assert expected_error(held[:, tier], log.truth[:, tier], bins=5) < 0.08
    base = ((log.outcomes.mean(axis=0) - log.outcomes) ** 2).mean()
    assert ((held - log.outcomes) ** 2).mean() < 0.95 * base


def test_the_order_of_tasks_changes_nothing(log: Simulated, fitted: TierPassEstimator) -> None:
    order = np.random.default_rng(5).permutation(len(log.tasks))
    other = TierPassEstimator(texts=(SMALL,)).fit([log.tasks[k] for k in order], log.outcomes[order])
    assert np.allclose(other.predict_proba(log.tasks), fitted.predict_proba(log.tasks), atol=1e-5)


def test_the_order_of_tiers_only_moves_the_columns(log: Simulated, fitted: TierPassEstimator) -> None:
    other = TierPassEstimator(texts=(SMALL,)).fit(log.tasks, log.outcomes[:, ::-1])
    assert np.allclose(other.predict_proba(log.tasks)[:, ::-1], fitted.predict_proba(log.tasks), atol=1e-5)


def test_it_is_an_estimator_that_scikit_learn_can_clone(fitted: TierPassEstimator) -> None:
    assert clone(fitted).get_params()["texts"] == (SMALL,)


def test_where_the_text_says_nothing_it_gives_base_rates() -> None:
    rng = np.random.default_rng(6)
    tasks = [Task(prompt=" ".join(map(str, rng.integers(0, 99, 20)))) for _ in range(200)]
    outcomes = (rng.random((200, 2)) < (0.3, 0.8)).astype(float)
    found = TierPassEstimator(texts=(SMALL,)).fit(tasks, outcomes).predict_proba(tasks)
    assert np.abs(found - outcomes.mean(axis=0)).mean() < 0.07


def test_tiers_tried_on_different_tasks_are_learned_apart(log: Simulated) -> None:
    outcomes = log.outcomes.copy()
    outcomes[::2, 0] = np.nan
    outcomes[1::2, 1] = np.nan
    estimator = TierPassEstimator(texts=(SMALL,)).fit(log.tasks, outcomes)
    assert list(estimator.counts_) == [250, 250]
    assert np.isnan(estimator.held_out_[0, 0])
    assert np.abs(estimator.predict_proba(log.tasks) - log.truth).mean() < 0.1


@pytest.mark.parametrize("outcome", [0.0, 1.0])
@pytest.mark.parametrize("count", [3, 30])
def test_all_passed_and_all_failed_are_base_rates(count: int, outcome: float) -> None:
    tasks = simulate(count).tasks
    found = TierPassEstimator(texts=(SMALL,)).fit(tasks, np.full((count, 1), outcome)).predict_proba(tasks)
    assert np.allclose(found, min(max(outcome, 0.01), 0.99))


@pytest.mark.parametrize(
    ("outcomes", "what"),
    [
        (np.ones((4, 2)), "shape"),
        (np.ones(5), "shape"),
        (np.full((5, 1), 2.0), "between 0 and 1"),
        (np.full((5, 1), -0.1), "between 0 and 1"),
        (np.full((5, 2), np.nan), "no outcome at all"),
    ],
)
def test_outcomes_that_cannot_be_learned_from_are_named(outcomes: np.ndarray, what: str) -> None:
    with pytest.raises(InputError, match=what):
        TierPassEstimator(texts=(SMALL,)).fit(simulate(5).tasks, outcomes)


def test_having_seen_the_answer_it_knows_more(log: Simulated) -> None:
    rng = np.random.default_rng(8)
    items = [
        Answered(task=task, answer=f"2 + 2 = {4 if right or rng.random() < 0.2 else 5}")
        for task, right in zip(log.tasks, log.outcomes[:, 0], strict=True)
    ]
    before = TierPassEstimator(texts=(SMALL,)).fit(log.tasks, log.outcomes).held_out_[:, 0]
    after = AnswerEstimator(texts=(SMALL,)).fit(items, log.outcomes).held_out_[:, 0]
    right = log.outcomes[:, 0]
    assert ((after - right) ** 2).mean() < 0.6 * ((before - right) ** 2).mean()
