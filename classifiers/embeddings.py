"""Optional: sentence embeddings beside the counts, by an encoder of yours (extra `embeddings`).

Costs what the encoder costs: about 0.1 ms for a static one (model2vec), tens of milliseconds for a transformer.
Whether it helps is for the held-out figures of your own log to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol

from cascade.classifiers.artifact import Artifact, load
from cascade.classifiers.explanation import Estimate
from cascade.classifiers.features import PROMPT_CLIP, TASK_FEATURES, feature_text, task_features
from cascade.classifiers.hashing import clip
from cascade.classifiers.scoring import Scorer
from cascade.errors import InputError, UsageError
from cascade.types import Task


class Encoder(Protocol):
    """Text to a vector of fixed length."""

    def encode(self, text: str) -> Sequence[float]:
        """The embedding of one text."""
        ...


class Model2VecEncoder:
    """A static embedding from a folder or a hub name. Raises UsageError where model2vec is not installed."""

    def __init__(self, model: str) -> None:
        try:
            package = import_module("model2vec")
        except ImportError as error:
            raise UsageError(
                "embeddings need the package model2vec", hint="pip install 'cascade-router[embeddings]'"
            ) from error
        self._model: Any = package.StaticModel.from_pretrained(model)

    def encode(self, text: str) -> Sequence[float]:
        """The embedding of one text."""
        return [float(x) for x in self._model.encode([text])[0]]


def embedding_names(length: int) -> tuple[str, ...]:
    """The feature names of counts and embedding together."""
    return (*TASK_FEATURES, *(f"embedding.{k}" for k in range(length)))


def embedding_features(task: Task, encoder: Encoder) -> tuple[float, ...]:
    """The counts of the task and the embedding of its clipped prompt."""
    return (*task_features(task), *encoder.encode(clip(feature_text(task), PROMPT_CLIP)))


class EmbeddingClassifier:
    """P(pass) by tier from an artefact that was trained with the same encoder (`EmbeddingEstimator`).

    A tier that the artefact does not have gets the middle of what is said of unknown ones. Raises InputError
    where the encoder's vectors have another length than in training.
    """

    def __init__(self, artifact: Artifact, encoder: Encoder) -> None:
        length = len(encoder.encode("length"))
        wanted = sum(name.startswith("embedding.") for name in artifact.features.names)
        if length != wanted:
            raise InputError(
                f"{artifact.name}: trained with embeddings of length {wanted}, the encoder gives {length}",
                hint="use the encoder of training",
            )
        self.artifact = artifact
        self._encoder = encoder
        self._scorer = Scorer(artifact, embedding_names(length))

    @property
    def name(self) -> str:
        """`embedding:` and the artefact's name."""
        return f"embedding:{self.artifact.name}"

    @property
    def version(self) -> str:
        """The artefact's version."""
        return self.artifact.version

    def probabilities(self, task: Task, tiers: Sequence[str]) -> dict[str, float]:
        """P(a first attempt passes) for every name in `tiers`."""
        known = self.estimates(task)
        unknown = (self.artifact.unknown.cheapest + self.artifact.unknown.dearest) / 2
        return {tier: known[tier].p if tier in known else unknown for tier in tiers}

    def estimates(self, task: Task) -> Mapping[str, Estimate]:
        """P with interval and reason for every tier of the artefact."""
        values = embedding_features(task, self._encoder)
        seen = self._scorer.see(values, {"prompt": feature_text(task)}, task.metadata)
        return {weights.name: self._scorer.estimate(weights, seen) for weights in self.artifact.tiers}


def from_options(artifact: str, model: str) -> EmbeddingClassifier:
    """For the config: `{use: "cascade.classifiers.embeddings:from_options", artifact: FILE, model: FOLDER}`."""
    return EmbeddingClassifier(load(artifact), Model2VecEncoder(model))
