"""Fits P(pass) of several tiers at once, calibrated on held-out tasks.

What decides between tiers is how they differ, so that is learned apart from what they share: the targets are
the mean outcome over the tiers and each tier's deviation from it, each with its own penalty and its own
shrinkage towards the base rate (`cascade.classifiers.ridge`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from cascade.classifiers.after_output import SEEN_FEATURES, seen_features, seen_texts
from cascade.classifiers.answer_features import Answered
from cascade.classifiers.artifact import ANSWER, LINEAR, Calibration, FeatureSpec, Kind
from cascade.classifiers.calibration import Method, calibrate, cross_calibrated, fit_calibration
from cascade.classifiers.embeddings import Encoder, embedding_features, embedding_names
from cascade.classifiers.features import TASK_FEATURES, feature_text, task_features
from cascade.classifiers.hashing import TextSpec, categories
from cascade.classifiers.matrices import fit_scaling, hashed_matrix, scale
from cascade.classifiers.ridge import fit_blend
from cascade.errors import InputError
from cascade.types import JsonObject, Task

Floats = NDArray[np.float64]

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class TextView:
    """A text of an item, how it is hashed, and which keys of the task's metadata go with it."""

    spec: TextSpec
    source: Literal["prompt", "answer"] = "prompt"
    metadata: tuple[str, ...] = ()


WORDS = TextView(TextSpec(words=(1, 3), buckets=8192, clip=4096))
LETTERS = TextView(TextSpec(words=None, chars=(3, 5), buckets=8192, clip=2048))
ANSWER_WORDS = TextView(TextSpec(words=(1, 2), buckets=4096, clip=4096), source="answer")
# Fewer outcomes than this teach a base rate and nothing else.
_LEAST_OUTCOMES = 20
# Tiers are learned by contrasts if at least this share of what was tried was tried on the same tasks.
_COMMON_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class TierFit:
    """Linear scores of all tiers.

    weights: for each view (hand-made features first), shape `(n_columns, n_tiers)`. intercept: `(n_tiers,)`.
    held_out: scores of tasks that were left out, `(n_tasks, n_tiers)`, NaN where there is none.
    """

    weights: tuple[Floats, ...]
    intercept: Floats
    held_out: Floats


class BlendEstimator(BaseEstimator, Generic[Item]):  # type: ignore[misc]
    """P of several outcomes of one item, shape `(n_items, n_tiers)`; what an item is, a subclass says.

    texts: the hashed views, each with the source it reads. calibration: the map from held-out scores to
    probabilities (`cascade.classifiers.calibration`). seed: for the rows that the blend is learned from, past
    1,500.

    After `fit`: `spec_`, `fit_` (a `TierFit`), `calibrations_`, `base_rates_` and `counts_` by tier, and
    `held_out_`: P of each item from a fit and a map that did not see it, `(n_items, n_tiers)`.
    """

    names: tuple[str, ...]
    kind: Kind

    def __init__(
        self, *, texts: tuple[TextView, ...] = (), calibration: Method = "platt", seed: int = 0
    ) -> None:
        self.texts = texts
        self.calibration = calibration
        self.seed = seed

    def features(self, item: Item) -> tuple[float, ...]:
        """The hand-made features of an item, in the order of `names`."""
        raise NotImplementedError

    def sources(self, item: Item) -> dict[str, str]:
        """The texts of an item by source."""
        raise NotImplementedError

    def metadata(self, item: Item) -> JsonObject:
        """What is declared of an item."""
        raise NotImplementedError

    def fit(self, items: Sequence[Item], y: Floats) -> Self:
        """Fit on outcomes in [0, 1], shape `(n_items, n_tiers)`, NaN where a tier was not tried.

        Raises InputError where the shapes do not fit, a value is no outcome, or a tier was never tried.
        """
        y = checked_outcomes(items, y)
        values = self.values(items)
        self.spec_: FeatureSpec = fit_scaling(values, self.names)
        known = ~np.isnan(y)
        self.counts_ = known.sum(axis=0)
        self.base_rates_ = np.nanmean(y, axis=0)
        # One thread: faster on matrices of this size, and the same digits on every run.
        with threadpool_limits(limits=1):
            self.fit_ = fit_tiers(self._views(items, values), y, seed=self.seed)
        self.calibrations_: list[Calibration] = []
        self.held_out_ = np.full(y.shape, np.nan)
        for t in range(y.shape[1]):
            used = known[:, t] & ~np.isnan(self.fit_.held_out[:, t])
            scores, outcomes = self.fit_.held_out[used, t], y[used, t]
            self.calibrations_.append(fit_calibration(scores, outcomes, self.calibration))
            self.held_out_[used, t] = cross_calibrated(scores, outcomes, self.calibration)
        return self

    def predict_proba(self, items: Sequence[Item]) -> Floats:
        """P, shape `(n_items, n_tiers)`, tiers in the order of the columns of `y`."""
        views = self._views(items, self.values(items))
        scores = self.fit_.intercept + sum(
            np.asarray(view @ weights) for view, weights in zip(views, self.fit_.weights, strict=True)
        )
        columns = [calibrate(scores[:, t], one) for t, one in enumerate(self.calibrations_)]
        return np.column_stack(columns)

    def values(self, items: Sequence[Item]) -> Floats:
        """The hand-made features, `(n_items, n_features)`."""
        return np.array([self.features(item) for item in items])

    def hashed(self, items: Sequence[Item]) -> list[Any]:
        """The hashed views, sparse, `(n_items, n_buckets)` each."""
        sources = [self.sources(item) for item in items]
        views: list[Any] = []
        for view in self.texts:
            also = [categories(self.metadata(item), view.metadata) for item in items]
            views.append(hashed_matrix([one[view.source] for one in sources], view.spec, also))
        return views

    def _views(self, items: Sequence[Item], values: Floats) -> list[Any]:
        return [scale(values, self.spec_), *self.hashed(items)]


class TierPassEstimator(BlendEstimator[Task]):
    """P(a first attempt at each tier passes), before any call: items are tasks."""

    names = TASK_FEATURES
    kind = LINEAR

    def __init__(
        self,
        *,
        texts: tuple[TextView, ...] = (WORDS, LETTERS),
        calibration: Method = "platt",
        seed: int = 0,
    ) -> None:
        super().__init__(texts=texts, calibration=calibration, seed=seed)

    def features(self, item: Task) -> tuple[float, ...]:
        """`TASK_FEATURES`."""
        return task_features(item)

    def sources(self, item: Task) -> dict[str, str]:
        """The prompt."""
        return {"prompt": feature_text(item)}

    def metadata(self, item: Task) -> JsonObject:
        """The task's metadata."""
        return item.metadata


class AnswerEstimator(BlendEstimator[Answered]):
    """P(right) of an answer that was seen (first column of `y`), and of other tiers given that answer."""

    names = SEEN_FEATURES
    kind = ANSWER

    def __init__(
        self,
        *,
        texts: tuple[TextView, ...] = (WORDS, ANSWER_WORDS),
        calibration: Method = "platt",
        seed: int = 0,
    ) -> None:
        super().__init__(texts=texts, calibration=calibration, seed=seed)

    def features(self, item: Answered) -> tuple[float, ...]:
        """`SEEN_FEATURES`."""
        return seen_features(item)

    def sources(self, item: Answered) -> dict[str, str]:
        """The prompt and the answer."""
        return seen_texts(item)

    def metadata(self, item: Answered) -> JsonObject:
        """The task's metadata."""
        return item.task.metadata


def checked_outcomes(tasks: Sequence[object], y: Floats) -> Floats:
    """`y` as floats. Raises InputError where it cannot be learned from."""
    y = np.asarray(y, dtype=np.float64)
    if y.ndim != 2 or len(y) != len(tasks) or y.shape[1] == 0:
        raise InputError(f"outcomes of shape {y.shape} for {len(tasks)} tasks: (n_tasks, n_tiers) is wanted")
    known = y[~np.isnan(y)]
    if ((known < 0) | (known > 1)).any():
        raise InputError("outcomes must lie between 0 and 1 (NaN: not tried)")
    never = np.flatnonzero(np.isnan(y).all(axis=0))
    if len(never):
        raise InputError(
            f"no outcome at all in column {', '.join(map(str, never))}",
            hint="leave out tiers that the log has no outcome of",
        )
    return y


def fit_tiers(views: Sequence[Any], y: Floats, *, seed: int = 0) -> TierFit:
    """Linear scores of every column of `y` (NaN: unknown) on views of shape `(n_tasks, n_columns)`."""
    known = ~np.isnan(y)
    complete = np.flatnonzero(known.all(axis=1))
    tiers = y.shape[1]
    if len(complete) >= max(_COMMON_SHARE * known.any(axis=1).sum(), _LEAST_OUTCOMES):
        return _fit_contrasts(views, y, complete, seed=seed)
    alone = [_fit_alone(views, y, t, seed=seed) for t in range(tiers)]
    return TierFit(
        weights=tuple(np.hstack(parts) for parts in zip(*(one.weights for one in alone), strict=True)),
        intercept=np.concatenate([one.intercept for one in alone]),
        held_out=np.hstack([one.held_out for one in alone]),
    )


def _fit_contrasts(views: Sequence[Any], y: Floats, rows: NDArray[np.intp], *, seed: int) -> TierFit:
    tiers = y.shape[1]
    mean = y[rows].mean(axis=1, keepdims=True)
    blend = fit_blend([view[rows] for view in views], np.hstack([mean, y[rows] - mean]), seed=seed)
    # From (mean, deviations) back to tiers.
    back = np.vstack([np.ones((1, tiers)), np.eye(tiers)])
    held_out = np.full(y.shape, np.nan)
    held_out[rows[blend.rows]] = blend.held_out @ back
    return TierFit(tuple(own @ back for own in blend.weights), blend.intercept @ back, held_out)


def _fit_alone(views: Sequence[Any], y: Floats, tier: int, *, seed: int) -> TierFit:
    rows = np.flatnonzero(~np.isnan(y[:, tier]))
    held_out = np.full((len(y), 1), np.nan)
    outcomes = y[rows, tier : tier + 1]
    if len(rows) < _LEAST_OUTCOMES:
        held_out[rows] = outcomes.mean()
        empty = tuple(np.zeros((view.shape[1], 1)) for view in views)
        return TierFit(empty, outcomes.mean(axis=0), held_out)
    blend = fit_blend([view[rows] for view in views], outcomes, seed=seed)
    held_out[rows[blend.rows]] = blend.held_out
    return TierFit(blend.weights, blend.intercept, held_out)


class EmbeddingEstimator(TierPassEstimator):
    """`TierPassEstimator` with an encoder's embedding of the prompt beside the counts."""

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        texts: tuple[TextView, ...] = (WORDS,),
        calibration: Method = "platt",
        seed: int = 0,
    ) -> None:
        super().__init__(texts=texts, calibration=calibration, seed=seed)
        self.encoder = encoder

    def fit(self, items: Sequence[Task], y: Floats) -> Self:
        """See `BlendEstimator.fit`. Raises InputError without an encoder."""
        if self.encoder is None:
            raise InputError("an EmbeddingEstimator needs an encoder")
        self.names = embedding_names(len(self.encoder.encode("length")))
        return super().fit(items, y)

    def features(self, item: Task) -> tuple[float, ...]:
        """`TASK_FEATURES` and the embedding."""
        if self.encoder is None:
            raise InputError("an EmbeddingEstimator needs an encoder")
        return embedding_features(item, self.encoder)
