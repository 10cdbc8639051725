"""Maps from a score to a probability, fitted on held-out scores; and how far probabilities are off."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cascade.classifiers.artifact import Calibration

Floats = NDArray[np.float64]
Method: TypeAlias = Literal["linear", "platt", "isotonic"]

FLOOR = 0.01
_MOST_KNOTS = 24


def fit_calibration(scores: Floats, outcomes: Floats, method: Method) -> Calibration:
    """The map for held-out `scores` and their `outcomes` in [0, 1], both of shape `(n,)`.

    linear: the score is a probability already, cut at 0.01 and 0.99. platt: a logistic regression on the
    score (J. Platt, 1999). isotonic: the best rising step function, as knots (B. Zadrozny, C. Elkan, 2002).
    """
    rate = float(outcomes.mean()) if len(outcomes) else 0.5
    if method == "linear" or len(scores) < 10 or np.ptp(scores) < 1e-9 or not 0.0 < rate < 1.0:
        return Calibration(x=(FLOOR, 1 - FLOOR), y=(FLOOR, 1 - FLOOR))
    return _platt(scores, outcomes) if method == "platt" else _isotonic(scores, outcomes)


def cross_calibrated(scores: Floats, outcomes: Floats, method: Method, *, folds: int = 5) -> Floats:
    """Held-out scores through maps that were fitted without them, so that figures on them are honest."""
    found = np.empty_like(scores)
    part = np.random.default_rng(0).permutation(np.arange(len(scores)) % folds)
    for k in range(folds):
        rest, own = part != k, part == k
        found[own] = calibrate(scores[own], fit_calibration(scores[rest], outcomes[rest], method))
    return found


def _platt(scores: Floats, outcomes: Floats) -> Calibration:
    from sklearn.linear_model import LogisticRegression

    doubled = np.concatenate([scores, scores])[:, None]
    labels = np.repeat([1, 0], len(scores))
    weights = np.concatenate([outcomes, 1.0 - outcomes])
    used = weights > 0
    model = LogisticRegression(C=1e3, max_iter=1000).fit(doubled[used], labels[used], weights[used])
    slope = max(float(model.coef_[0, 0]), 0.0)
    return Calibration(kind="platt", x=(float(model.intercept_[0]), slope), y=(FLOOR, 1 - FLOOR))


def _isotonic(scores: Floats, outcomes: Floats) -> Calibration:
    """Blocks of the isotonic fit as knots at their mean score, so that ranks survive inside of a block."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=FLOOR, y_max=1 - FLOOR).fit_transform(scores, outcomes)
    levels = np.unique(fitted)
    if len(levels) > _MOST_KNOTS:
        edges = np.quantile(levels, np.linspace(0, 1, _MOST_KNOTS + 1))
        fitted = edges[np.clip(np.searchsorted(edges, fitted, side="right") - 1, 0, _MOST_KNOTS - 1)]
        levels = np.unique(fitted)
    x = [float(scores[fitted == level].mean()) for level in levels]
    y = [float(np.clip(outcomes[fitted == level].mean(), FLOOR, 1 - FLOOR)) for level in levels]
    return Calibration(x=tuple(np.maximum.accumulate(x)), y=tuple(np.maximum.accumulate(y)))


def calibrate(scores: Floats, calibration: Calibration) -> Floats:
    """Scores of any shape to probabilities, as `cascade.classifiers.linear.calibrated` does one."""
    if calibration.kind == "platt":
        logits = calibration.x[0] + calibration.x[1] * scores
        raw = 0.5 * (1.0 + np.tanh(0.5 * logits))
        return np.asarray(np.clip(raw, calibration.y[0], calibration.y[1]))
    return np.asarray(np.interp(scores, calibration.x, calibration.y))


def expected_error(probabilities: Floats, outcomes: Floats, *, bins: int = 10) -> float:
    """Expected calibration error over bins of equal count (Naeini et al., AAAI 2015); 0 of nothing."""
    if len(probabilities) == 0:
        return 0.0
    order = np.argsort(probabilities, kind="stable")
    groups = np.array_split(order, min(bins, len(order)))
    gaps = [abs(float(probabilities[g].mean() - outcomes[g].mean())) * len(g) for g in groups]
    return sum(gaps) / len(order)
