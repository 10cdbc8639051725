"""Fits P(each next step passes) on the figures that failed attempts left behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cascade.classifiers.artifact import NEXT_STEP
from cascade.classifiers.next_step import log_size
from cascade.classifiers.training import BlendEstimator, Floats
from cascade.types import JsonObject


class NextStepEstimator(BlendEstimator[Mapping[str, float]]):
    """P(a step passes | figures): items are figures by name, `y` has a column for each step.

    `y` holds NaN where a step was not tried, or where the attempt before it did not fail: so a column is the
    step's success among failures, and no independence is assumed. names: the figures to learn from; others
    are not read.
    """

    kind = NEXT_STEP

    def __init__(self, names: Sequence[str] = (), *, seed: int = 0) -> None:
        super().__init__(texts=(), calibration="linear", seed=seed)
        self.names = tuple(names)

    def features(self, item: Mapping[str, float]) -> tuple[float, ...]:
        """The figures by `names` on a log scale, NaN where one is missing."""
        return tuple(log_size(item.get(name, float("nan"))) for name in self.names)

    def sources(self, item: Mapping[str, float]) -> dict[str, str]:  # noqa: ARG002  (there is no text)
        """None."""
        return {}

    def metadata(self, item: Mapping[str, float]) -> JsonObject:  # noqa: ARG002
        """None."""
        return {}

    def _values(self, items: Sequence[Mapping[str, float]]) -> Floats:
        """Missing figures take the mean of training."""
        values = super()._values(items)
        if not hasattr(self, "means_"):
            known = ~np.isnan(values)
            self.means_ = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        return np.where(np.isnan(values), self.means_, values)

    def fit(self, items: Sequence[Mapping[str, float]], y: Floats) -> NextStepEstimator:
        """See `BlendEstimator.fit`."""
        if hasattr(self, "means_"):
            del self.means_
        return super().fit(items, y)
