"""Scores an artefact in pure Python: microseconds, no scikit-learn, the same time at any prompt length."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cascade.classifiers.artifact import Artifact, Calibration, FeatureSpec, TierWeights, default, load
from cascade.classifiers.explanation import Estimate, Explanation, by_place, within
from cascade.classifiers.features import TASK_FEATURES, feature_text, task_features
from cascade.classifiers.hashing import TextSpec, hashed
from cascade.errors import InputError
from cascade.types import Task

# A task is foreign if more than this share of its features lies where training never was.
_FOREIGN_SHARE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class _Input:
    """A task as the weights see it: scaled features, hashed text, share of features outside of training."""

    values: tuple[float, ...]
    texts: tuple[Mapping[int, float], ...]
    foreign: float


class LinearClassifier:
    """P(pass) by tier from a trained artefact.

    models: tier to the model string behind it. With it, a tier is known if the artefact was trained on that
    model, whatever the tier is called; without it, or where the artefact names no models, the tier's name is
    believed. Of anything else it says the base rate of the tier's place, a wide interval, and that it does
    not know.
    """

    def __init__(self, artifact: Artifact, *, models: Mapping[str, str] | None = None) -> None:
        missing = [name for name in artifact.features.names if name not in TASK_FEATURES]
        if missing:
            raise InputError(
                f"{artifact.name}: uses features unknown to this version: {', '.join(missing[:5])}",
                hint="train it again with this version: cascade train LOG -o CLASSIFIER.json",
            )
        self.artifact = artifact
        self._models = models
        self._places = tuple(TASK_FEATURES.index(name) for name in artifact.features.names)
        self._texts = tuple(TextSpec(**text.model_dump()) for text in artifact.features.texts)

    @classmethod
    def from_file(cls, path: str | Path, *, models: Mapping[str, str] | None = None) -> LinearClassifier:
        """Load an artefact. Raises InputError or StorageError."""
        return cls(load(path), models=models)

    @classmethod
    def default(cls, *, models: Mapping[str, str] | None = None) -> LinearClassifier:
        """The artefact that ships (see its card in docs/classifiers.md)."""
        return cls(default(), models=models)

    @property
    def name(self) -> str:
        """`linear:` and the artefact's name."""
        return f"linear:{self.artifact.name}"

    @property
    def version(self) -> str:
        """The artefact's version."""
        return self.artifact.version

    def probabilities(self, task: Task, tiers: Sequence[str]) -> dict[str, float]:
        """P(a first attempt passes) for every name in `tiers`, cheapest first."""
        return {tier: estimate.p for tier, estimate in self.explain(task, tiers).estimates.items()}

    def explain(self, task: Task, tiers: Sequence[str]) -> Explanation:
        """The same with intervals and reasons."""
        seen = self._see(task)
        estimates: dict[str, Estimate] = {}
        for place, tier in enumerate(tiers):
            weights = self._weights(tier)
            if weights is None:
                estimates[tier] = self._unknown(tier, place=place, count=len(tiers))
            else:
                estimates[tier] = self._known(weights, seen)
        unknown = [tier for tier, estimate in estimates.items() if not estimate.known]
        reason = (
            f"{self.name} trained on {self.artifact.card.n_tasks} tasks ({self.artifact.card.trained_on})"
        )
        if unknown:
            reason += f"; knows nothing of {', '.join(unknown)}: base rates, wide intervals"
        return Explanation(estimates=estimates, reason=reason)

    def _see(self, task: Task) -> _Input:
        spec = self.artifact.features
        raw = task_features(task)
        picked = [raw[place] for place in self._places]
        texts = tuple(hashed(feature_text(task), text) for text in self._texts)
        outside = sum(not low <= x <= high for x, low, high in zip(picked, spec.low, spec.high, strict=True))
        foreign = outside / len(picked) if picked else 0.0
        return _Input(values=scaled(picked, spec), texts=texts, foreign=foreign)

    def _weights(self, tier: str) -> TierWeights | None:
        """The column for this tier: by the model behind it, or by name if the artefact names no models."""
        for weights in self.artifact.tiers:
            if (self._models is None or not weights.models) and tier == weights.name:
                return weights
            if self._models is not None and self._models.get(tier) in (weights.name, *weights.models):
                return weights
        return None

    def _known(self, weights: TierWeights, seen: _Input) -> Estimate:
        if seen.foreign > _FOREIGN_SHARE:
            low, high = within(weights.base_rate, max(self.artifact.unknown.half_width, weights.half_width))
            reason = f"unlike the tasks of training in {seen.foreign:.0%} of its features: base rate"
            return Estimate(p=weights.base_rate, low=low, high=high, known=False, reason=reason)
        score = weights.intercept + math.fsum(part for part, _ in self._parts(weights, seen))
        p = calibrated(score, weights.calibration)
        low, high = within(p, weights.half_width)
        reason = (
            f"{self._drivers(weights, seen)}; base rate {weights.base_rate:.2f} of {weights.n_tasks} tasks"
        )
        return Estimate(p=p, low=low, high=high, known=True, reason=reason)

    def _unknown(self, tier: str, *, place: int, count: int) -> Estimate:
        unknown = self.artifact.unknown
        p = by_place(unknown.cheapest, unknown.dearest, place=place, count=count)
        low, high = within(p, unknown.half_width)
        model = f" ({self._models.get(tier, '')})" if self._models is not None else ""
        reason = f"never trained on {tier}{model}: a guess by its place, not an estimate"
        return Estimate(p=p, low=low, high=high, known=False, reason=reason)

    def _parts(self, weights: TierWeights, seen: _Input) -> list[tuple[float, str]]:
        """What each feature, and each hashed text as a whole, adds to the score."""
        names = self.artifact.features.names
        parts = [(w * x, name) for w, x, name in zip(weights.weights, seen.values, names, strict=True)]
        for own, text, spec in zip(weights.text_weights, seen.texts, self._texts, strict=True):
            total = math.fsum(own.get(bucket, 0.0) * x for bucket, x in text.items())
            parts.append((total, "wording" if spec.chars is None else "letters"))
        return parts

    def _drivers(self, weights: TierWeights, seen: _Input) -> str:
        """The parts that moved it most, in words."""
        parts = sorted(self._parts(weights, seen), key=lambda part: (-abs(part[0]), part[1]))
        said = [f"{name} {part:+.2f}" for part, name in parts[:3] if abs(part) >= 0.005]
        return ", ".join(said) or "no feature speaks"


def scaled(values: Sequence[float], spec: FeatureSpec) -> tuple[float, ...]:
    """Hand-made features as the weights want them: centred, scaled, clipped."""
    return tuple(
        min(max((x - centre) / scale, -spec.limit), spec.limit)
        for x, centre, scale in zip(values, spec.centre, spec.scale, strict=True)
    )


def sigmoid(logit: float) -> float:
    """1 / (1 + exp(-logit)), without overflow."""
    if logit >= 0:
        return 1.0 / (1.0 + math.exp(-logit))
    grown = math.exp(logit)
    return grown / (1.0 + grown)


def calibrated(score: float, calibration: Calibration) -> float:
    """The probability that a score stands for; see `Calibration`."""
    x, y = calibration.x, calibration.y
    if calibration.kind == "platt":
        return min(max(sigmoid(x[0] + x[1] * score), y[0]), y[1])
    if score <= x[0]:
        return y[0]
    for place in range(1, len(x)):
        if score <= x[place]:
            wide = x[place] - x[place - 1]
            share = (score - x[place - 1]) / wide if wide > 0 else 1.0
            return y[place - 1] + share * (y[place] - y[place - 1])
    return y[-1]
