"""Tasks and answers to matrices for fitting: scikit-learn's hashing, fed with the same tokens as scoring."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cascade.classifiers.artifact import FeatureSpec
from cascade.classifiers.hashing import CATEGORY_WEIGHT, TextSpec, tokens

Floats = NDArray[np.float64]

_LIMIT = 4.0


def hashed_matrix(texts: Sequence[str], spec: TextSpec, also: Sequence[Sequence[str]] | None = None) -> Any:
    """Hashed n-grams, rows of length 1, as a sparse matrix of shape `(n_texts, buckets)`.

    also: for each text tokens that are added with `CATEGORY_WEIGHT`, as `cascade.classifiers.hashing.hashed`.
    """
    from sklearn.feature_extraction import FeatureHasher
    from sklearn.preprocessing import normalize

    hasher = FeatureHasher(n_features=spec.buckets)
    counts = ({token: 1.0 + math.log(n) for token, n in Counter(tokens(t, spec)).items()} for t in texts)
    matrix = normalize(hasher.transform(counts), copy=False)
    if also is not None and any(also):
        matrix = matrix + hasher.transform(dict.fromkeys(one, CATEGORY_WEIGHT) for one in also)
    return matrix


def fit_scaling(values: Floats, names: Sequence[str]) -> FeatureSpec:
    """Centre, scale and the usual range of each hand-made feature; `values` has shape `(n, n_features)`."""
    spread = values.std(axis=0)
    low, high = np.quantile(values, (0.01, 0.99), axis=0) if len(values) else (values.sum(0), values.sum(0))
    return FeatureSpec(
        names=tuple(names),
        centre=tuple(map(float, values.mean(axis=0))),
        scale=tuple(float(sd) if sd > 1e-9 else 1.0 for sd in spread),
        low=tuple(map(float, low - 0.5 * spread - 1e-9)),
        high=tuple(map(float, high + 0.5 * spread + 1e-9)),
        limit=_LIMIT,
    )


def scale(values: Floats, spec: FeatureSpec) -> Floats:
    """Centred, scaled and clipped, as `cascade.classifiers.linear.scaled` does one row."""
    centred = (values - np.asarray(spec.centre)) / np.asarray(spec.scale)
    return np.asarray(np.clip(centred, -spec.limit, spec.limit))
