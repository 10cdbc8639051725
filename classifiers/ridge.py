"""Ridge regressions on several views of a task, blended by what each is worth on tasks it did not see.

For each view (hand-made features, hashed words, hashed letters) the exact leave-one-out predictions of a ridge
regression come from one eigendecomposition of its Gram matrix, for every strength of the penalty and every
target at once (Golub, Heath and Wahba, "Generalized cross-validation", Technometrics 21, 1979). The blend is
a non-negative regression of the target on these held-out predictions (stacking: Breiman, "Stacked
regressions", Machine Learning 24, 1996), so a view that does not help off its training tasks is shrunk to
nothing, and a target that nothing predicts is left at its mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Relative to the mean squared length of a centred row.
PENALTIES = tuple(float(2.0**power) for power in range(-3, 10))
# Rows from which penalties and blend are learned; the weights are then fitted on all rows.
_MOST_ROWS = 1500
# How many targets' variances of evidence pull the blend to zero, and to equal shares.
_TO_ZERO, _TO_EQUAL = 1.0, 10.0


@dataclass(frozen=True, slots=True)
class Blend:
    """A fitted linear model for several targets.

    weights: for each view, shape `(n_columns, n_targets)`. intercept, held_out and rows: the intercepts,
    the predictions of rows that were left out, shape `(n_rows, n_targets)`, and which rows those are.
    """

    weights: tuple[Floats, ...]
    intercept: Floats
    held_out: Floats
    rows: NDArray[np.intp]


def fit_blend(views: Sequence[Any], targets: Floats, *, seed: int = 0) -> Blend:
    """Fit all `targets`, shape `(n_rows, n_targets)`, on `views`, matrices of shape `(n_rows, n_columns)`."""
    count = len(targets)
    rows = np.arange(count)
    if count > _MOST_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(count, _MOST_ROWS, replace=False))
    mean = targets[rows].mean(axis=0)
    centred = targets[rows] - mean
    chosen = [_held_out(_gram(view[rows]), centred) for view in views]
    shares = np.array(
        [_shares([held[:, t] for held, _ in chosen], centred[:, t]) for t in range(targets.shape[1])]
    )
    held_out = mean + sum(held * shares[:, v] for v, (held, _) in enumerate(chosen))
    weights, intercept = [], targets.mean(axis=0)
    for v, view in enumerate(views):
        own, offset = _weights(view, targets, chosen[v][1])
        weights.append(own * shares[:, v])
        intercept = intercept - offset * shares[:, v]
    return Blend(tuple(weights), intercept, np.asarray(held_out), rows)


def _gram(view: Any) -> Floats:
    """Inner products of the centred rows."""
    product = view @ view.T
    gram = np.asarray(product.todense() if hasattr(product, "todense") else product, dtype=np.float64)
    mean = gram.mean(axis=0)
    return np.asarray(gram - mean[None, :] - mean[:, None] + mean.mean())


def _held_out(gram: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """Leave-one-out predictions of centred targets at each target's best penalty, and those penalties."""
    count = len(gram)
    values, vectors = np.linalg.eigh(gram)
    values = np.clip(values, 0.0, None)
    unit = max(float(values.sum()) / count, 1e-12)
    inside = vectors.T @ targets
    best = np.zeros_like(targets)
    error = np.full(targets.shape[1], np.inf)
    penalty = np.zeros(targets.shape[1])
    for relative in PENALTIES:
        kept = values / (values + relative * unit)
        leverage = np.minimum((vectors**2) @ kept + 1.0 / count, 1.0 - 1e-9)
        fitted = vectors @ (kept[:, None] * inside)
        predicted = targets - (targets - fitted) / (1.0 - leverage)[:, None]
        errors = ((targets - predicted) ** 2).mean(axis=0)
        better = errors < error
        best[:, better] = predicted[:, better]
        error[better], penalty[better] = errors[better], relative * unit
    return best, penalty


def _shares(held_out: list[Floats], target: Floats) -> Floats:
    """Non-negative shares of the views for one target; all zero where it does not vary."""
    from scipy.optimize import nnls

    count = len(held_out)
    variance = float(target.var())
    if variance < 1e-12:
        return np.zeros(count)
    predicted = np.column_stack(held_out)
    mean = predicted.mean(axis=1)
    # What equal shares are worth together: their common slope, on the same held-out predictions.
    slope = max(float(mean @ target) / (float(mean @ mean) + _TO_ZERO * variance), 0.0)
    system = np.vstack(
        [
            predicted,
            np.sqrt(_TO_ZERO * variance) * np.eye(count),
            np.sqrt(_TO_EQUAL * variance) * np.eye(count),
        ]
    )
    wanted = np.concatenate(
        [target, np.zeros(count), np.full(count, slope / count * np.sqrt(_TO_EQUAL * variance))]
    )
    return np.asarray(nnls(system, wanted)[0])


def _weights(view: Any, targets: Floats, penalty: Floats) -> tuple[Floats, Floats]:
    """Ridge weights on all rows, shape `(n_columns, n_targets)`, and the weights at the mean row."""
    from sklearn.linear_model import Ridge

    columns = []
    for t in range(targets.shape[1]):
        model = Ridge(alpha=float(max(penalty[t], 1e-9)), tol=1e-8)
        columns.append(model.fit(view, targets[:, t]).coef_)
    own = np.column_stack(columns)
    centre = np.asarray(view.mean(axis=0)).ravel()
    return own, centre @ own
