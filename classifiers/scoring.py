"""Scores an artefact's weights in pure Python: no scikit-learn, no numpy, equal to the fitted estimator to 1e-9."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cascade.classifiers.artifact import Artifact, Calibration, FeatureSpec, TierWeights
from cascade.classifiers.explanation import Estimate, within
from cascade.classifiers.hashing import TextSpec, categories, hashed
from cascade.errors import InputError
from cascade.types import JsonObject

# An input is foreign if more than this share of its features (and more than one) lies where training never was.
# On halves of three public sets of tasks no task of the other half was foreign at 0.10, and nearly all of the
# other sets' were.
_FOREIGN_SHARE = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An input as the weights see it: scaled features, hashed texts, features outside of training's range."""

    values: tuple[float, ...]
    texts: tuple[Mapping[int, float], ...]
    outside: int

    @property
    def foreign(self) -> bool:
        """Whether it is unlike what was trained on."""
        return self.outside > max(1.0, _FOREIGN_SHARE * len(self.values))


class Scorer:
    """An artefact with its features found in `names`, the features that this version computes.

    Raises InputError if the artefact uses a feature that is not among them.
    """

    def __init__(self, artifact: Artifact, names: Sequence[str]) -> None:
        missing = [name for name in artifact.features.names if name not in names]
        if missing:
            raise InputError(
                f"{artifact.name}: uses features unknown to this version: {', '.join(missing[:5])}",
                hint="train it again with this version: cascade train LOG -o CLASSIFIER.json",
            )
        self.artifact = artifact
        self._places = tuple(names.index(name) for name in artifact.features.names)
        self._specs = tuple(
            TextSpec(words=text.words, chars=text.chars, buckets=text.buckets, clip=text.clip)
            for text in artifact.features.texts
        )

    def see(self, values: Sequence[float], texts: Mapping[str, str], metadata: JsonObject) -> Seen:
        """Prepare an input: feature values by place in `names`, texts by source, the task's metadata."""
        spec = self.artifact.features
        picked = [values[place] for place in self._places]
        outside = sum(not low <= x <= high for x, low, high in zip(picked, spec.low, spec.high, strict=True))
        return Seen(
            values=scaled(picked, spec),
            texts=tuple(
                hashed(texts[text.source], one, categories(metadata, text.metadata))
                for text, one in zip(spec.texts, self._specs, strict=True)
            ),
            outside=outside,
        )

    def estimate(self, weights: TierWeights, seen: Seen) -> Estimate:
        """P with interval and reason; the base rate, said to be one, where the input is foreign."""
        if seen.foreign:
            wide = max(self.artifact.unknown.half_width, weights.half_width)
            low, high = within(weights.base_rate, wide)
            share = seen.outside / len(seen.values)
            reason = f"unlike the tasks of training in {share:.0%} of its features: base rate"
            return Estimate(p=weights.base_rate, low=low, high=high, known=False, reason=reason)
        parts = self._parts(weights, seen)
        p = calibrated(weights.intercept + math.fsum(part for part, _ in parts), weights.calibration)
        low, high = within(p, weights.half_width)
        rate = f"base rate {weights.base_rate:.2f} of {weights.n_tasks} tasks"
        return Estimate(p=p, low=low, high=high, known=True, reason=f"{_drivers(parts)}; {rate}")

    def _parts(self, weights: TierWeights, seen: Seen) -> list[tuple[float, str]]:
        """What each feature, and each hashed text as a whole, adds to the score."""
        spec = self.artifact.features
        parts = [(w * x, name) for w, x, name in zip(weights.weights, seen.values, spec.names, strict=True)]
        for own, vector, text in zip(weights.text_weights, seen.texts, spec.texts, strict=True):
            total = math.fsum(own.get(bucket, 0.0) * x for bucket, x in vector.items())
            parts.append((total, f"{text.source} {'wording' if text.chars is None else 'letters'}"))
        return parts


def _drivers(parts: Sequence[tuple[float, str]]) -> str:
    """The parts that moved it most, in words."""
    heavy = sorted(parts, key=lambda part: (-abs(part[0]), part[1]))[:3]
    said = [f"{name.replace('_', ' ')} {part:+.2f}" for part, name in heavy if abs(part) >= 0.005]
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
