"""Embeddings by any encoder: the same figures in lean form, and a wrong encoder is refused."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import pytest

from cascade.classifiers.artifact import Card, dump, parse
from cascade.classifiers.embeddings import EmbeddingClassifier, Model2VecEncoder
from cascade.classifiers.export import to_artifact
from cascade.classifiers.training import EmbeddingEstimator
from cascade.errors import InputError, UsageError
from tests.classifiers.conftest import SMALL, Simulated


class LetterShares:
    """The share of each of the first letters: an encoder that needs no model."""

    def __init__(self, length: int = 6) -> None:
        self.length = length

    def encode(self, text: str) -> Sequence[float]:
        return [text.count(chr(97 + k)) / max(len(text), 1) for k in range(self.length)]


def test_an_embedding_classifier_scores_as_it_was_fitted(log: Simulated) -> None:
    estimator = EmbeddingEstimator(LetterShares(), texts=(SMALL,)).fit(log.tasks, log.outcomes)
    card = Card(trained_on="a simulation", date="2026-11-24", n_tasks=500)
    artifact = to_artifact(estimator, log.outcomes, ["flash", "pro"], name="sim", card=card)
    lean = EmbeddingClassifier(parse(dump(artifact)), LetterShares())
    wanted = estimator.predict_proba(log.tasks[:30])
    ours = [list(lean.probabilities(task, ("flash", "pro")).values()) for task in log.tasks[:30]]
    assert np.abs(np.array(ours) - wanted).max() < 1e-9
    assert 0.3 < lean.probabilities(log.tasks[0], ["new"])["new"] < 0.9
    with pytest.raises(InputError, match="length 6, the encoder gives 4"):
        EmbeddingClassifier(artifact, LetterShares(4))


def test_without_an_encoder_or_its_package_it_says_what_to_do(
    log: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="needs an encoder"):
        EmbeddingEstimator().fit(log.tasks, log.outcomes)
    monkeypatch.setitem(sys.modules, "model2vec", None)
    with pytest.raises(UsageError, match="model2vec"):
        Model2VecEncoder("somewhere")
