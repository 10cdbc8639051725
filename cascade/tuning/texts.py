"""The tasks' texts in a search: a classifier is fitted inside of every part that learns, and judged outside of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from cascade.classifiers.artifact import LINEAR, Artifact, Card
from cascade.classifiers.export import held_out_figures, to_artifact
from cascade.classifiers.features import TASK_FEATURES
from cascade.classifiers.training import LETTERS, WORDS, BlendEstimator, TextView, TierPassEstimator
from cascade.replay.table import Floats, OutcomeTable
from cascade.types import Task

_LEAST_TASKS = 40


class Texts:
    """The features of tasks by id, computed once, however many classifiers are fitted on parts of them."""

    def __init__(self, tasks: Mapping[str, Task], *, texts: tuple[TextView, ...] = (WORDS, LETTERS)) -> None:
        self.tasks = tasks
        self.row = {name: k for k, name in enumerate(tasks)}
        self.estimator = TierPassEstimator(texts=texts)
        items = list(tasks.values())
        self.values = self.estimator.values(items)
        self.hashed = self.estimator.hashed(items)

    def learn(self, table: OutcomeTable) -> Router | None:
        """A classifier of the table's tiers; None where the texts tell nothing beyond the base rates."""
        rows = self._rows(table)
        if rows is None or len(rows) < _LEAST_TASKS:
            return None
        tiers = table.tiers
        y = table.outcome[:, [table.first(tier) for tier in tiers]]
        estimator = _RowEstimator(self)
        estimator.fit(rows, y)
        return Router(self, estimator, tiers, y) if _tells(estimator.held_out_, y) else None

    def _rows(self, table: OutcomeTable) -> list[int] | None:
        if not all(name in self.row for name in table.tasks):
            return None
        return [self.row[name] for name in table.tasks]

    def rows(self, table: OutcomeTable) -> list[int]:
        """The rows of a table's tasks."""
        return [self.row[name] for name in table.tasks]


@dataclass(frozen=True, slots=True, eq=False)
class Router:
    """A fitted classifier. y: the outcomes that it was fitted on, (n_tasks, n_tiers)."""

    texts: Texts
    estimator: _RowEstimator
    tiers: tuple[str, ...]
    y: Floats

    def learnt(self, table: OutcomeTable) -> OutcomeTable:
        """The table that it was fitted on, with what fits without each task say of it."""
        return replace(table, probabilities=self._by_tier(self.estimator.held_out_))

    def sees(self, table: OutcomeTable) -> OutcomeTable:
        """A table of other tasks, with what it says of them."""
        return replace(
            table, probabilities=self._by_tier(self.estimator.predict_proba(self.texts.rows(table)))
        )

    def artifact(self, *, name: str, trained_on: str) -> Artifact:
        """What `classifier: {use: linear}` scores the same with."""
        card = Card(
            trained_on=trained_on,
            date=datetime.now(UTC).date().isoformat(),
            n_tasks=len(self.y),
            figures={k: round(v, 4) for k, v in held_out_figures(self.estimator, self.y, self.tiers).items()},
        )
        return to_artifact(self.estimator, self.y, self.tiers, name=name, card=card)

    def _by_tier(self, chances: Floats) -> dict[str, Floats]:
        return {tier: chances[:, k] for k, tier in enumerate(self.tiers)}


class _RowEstimator(BlendEstimator[int]):
    """`TierPassEstimator` over rows of `Texts`, whose features are there already."""

    names = TASK_FEATURES
    kind = LINEAR

    def __init__(self, source: Texts | None = None) -> None:
        super().__init__(texts=source.estimator.texts if source is not None else ())
        self.source = source

    def values(self, items: Sequence[int]) -> Floats:
        """See `BlendEstimator.values`."""
        assert self.source is not None
        return np.asarray(self.source.values[list(items)])

    def hashed(self, items: Sequence[int]) -> list[Any]:
        """See `BlendEstimator.hashed`."""
        assert self.source is not None
        return [matrix[list(items)] for matrix in self.source.hashed]


def _tells(held_out: Floats, y: Floats) -> bool:
    """Whether held-out predictions have a smaller squared error than base rates, beyond two standard errors."""
    base = np.nanmean(y, axis=0)
    gain = np.nanmean((y - base) ** 2 - (y - held_out) ** 2, axis=1)
    gain = gain[np.isfinite(gain)]
    if len(gain) < _LEAST_TASKS:
        return False
    return bool(gain.mean() > 2 * gain.std(ddof=1) / np.sqrt(len(gain)))
