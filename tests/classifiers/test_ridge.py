"""The blend: its held-out predictions are truly held out, and useless views are shrunk away."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import Ridge

from cascade.classifiers.ridge import _gram, _held_out, fit_blend


def test_leave_one_out_equals_refitting_without_the_row() -> None:
    rng = np.random.default_rng(1)
    view, target = rng.normal(size=(30, 5)), rng.normal(size=(30, 1))
    held, penalty = _held_out(_gram(view), target - target.mean())
    for row in range(30):
        rest = np.arange(30) != row
        model = Ridge(alpha=float(penalty[0])).fit(view[rest], target[rest, 0])
        assert abs(model.predict(view[row : row + 1])[0] - target.mean() - held[row, 0]) < 1e-8


def test_noise_is_left_at_the_mean_and_signal_is_not() -> None:
    rng = np.random.default_rng(2)
    view, noise = rng.normal(size=(200, 10)), rng.normal(size=(200, 10))
    target = np.column_stack([view[:, 0], rng.normal(size=200)])
    blend = fit_blend([view, noise], target)
    predicted = blend.intercept + view @ blend.weights[0] + noise @ blend.weights[1]
    assert np.corrcoef(predicted[:, 0], target[:, 0])[0, 1] > 0.95
    assert predicted[:, 1].std() < 0.3
    assert np.abs(blend.weights[1][:, 0]).max() < 0.05


def test_a_target_that_does_not_vary_is_its_mean() -> None:
    view = np.random.default_rng(3).normal(size=(40, 3))
    blend = fit_blend([view], np.ones((40, 1)))
    assert np.allclose(blend.weights[0], 0)
    assert np.allclose(blend.held_out, 1)


def test_many_rows_are_learned_from_by_a_sample_and_fitted_on_all() -> None:
    rng = np.random.default_rng(4)
    view = rng.normal(size=(2000, 3))
    blend = fit_blend([view], view[:, :1], seed=7)
    assert len(blend.rows) == 1500
    assert abs(blend.weights[0][0, 0] - 1) < 0.01
