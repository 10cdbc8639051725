"""The file a trained classifier is kept in: JSON with a schema version, read strictly, never pickle.

artefact
├── schema, kind, name, version (of the weights), card (data, date, figures, limits)
├── features   which hand-made features, how they are scaled, where training saw them; the text's hashing
├── tiers      for each: models it stands for, base rate, weights, calibration, interval
└── unknown    what is said of a tier, or a task, that training never saw
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from cascade.errors import InputError
from cascade.storage import read_text, write_atomic

SCHEMA = 1
DEFAULT = "default.json"
Kind: TypeAlias = Literal["cascade.classifier.linear", "cascade.classifier.answer"]
LINEAR: Kind = "cascade.classifier.linear"
ANSWER: Kind = "cascade.classifier.answer"

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Floats = tuple[FiniteFloat, ...]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Card(_Part):
    """Where the weights come from, and what they are worth."""

    trained_on: str
    date: str
    licence: str = ""
    n_tasks: int = Field(ge=0)
    figures: dict[str, FiniteFloat] = Field(default_factory=dict)
    limits: tuple[str, ...] = ()


class TextFeatures(_Part):
    """Hashed n-grams of prompt or answer, as `hashing.TextSpec`, with these keys of the task's metadata."""

    source: Literal["prompt", "answer"] = "prompt"
    metadata: tuple[str, ...] = ()
    words: tuple[int, int] | None = None
    chars: tuple[int, int] | None = None
    buckets: int = Field(ge=1, le=1 << 22)
    clip: int = Field(ge=16, le=1 << 16)


class FeatureSpec(_Part):
    """The inputs. A value x counts as clip((x - centre) / scale, -limit, limit).

    low and high bound what nearly all of the training tasks had; outside of them a task is foreign.
    """

    names: tuple[str, ...] = ()
    centre: Floats = ()
    scale: Floats = ()
    low: Floats = ()
    high: Floats = ()
    limit: float = Field(default=4.0, gt=0)
    texts: tuple[TextFeatures, ...] = ()

    @model_validator(mode="after")
    def _lengths(self) -> FeatureSpec:
        for name in ("centre", "scale", "low", "high"):
            if len(getattr(self, name)) != len(self.names):
                raise ValueError(f"{name} has {len(getattr(self, name))} values for {len(self.names)} names")
        if any(scale <= 0 for scale in self.scale):
            raise ValueError("every scale must be above 0")
        return self


class Calibration(_Part):
    """Score to probability: linear between knots and constant outside of them, or Platt's sigmoid.

    knots: y at x. platt: 1 / (1 + exp(-(x[0] + x[1] * score))), y being the bounds (J. Platt, 1999).
    """

    kind: Literal["knots", "platt"] = "knots"
    x: Annotated[Floats, Field(min_length=1)] = (0.01, 0.99)
    y: Annotated[tuple[Probability, ...], Field(min_length=1)] = (0.01, 0.99)

    @model_validator(mode="after")
    def _rising(self) -> Calibration:
        if len(self.x) != len(self.y) or (self.kind == "platt" and len(self.x) != 2):
            raise ValueError("x and y must have the same length, 2 for platt")
        rising = (self.x, self.y) if self.kind == "knots" else (self.y,)
        if any(a > b for values in rising for a, b in pairwise(values)):
            raise ValueError("the knots must not fall")
        if self.kind == "platt" and self.x[1] < 0:
            raise ValueError("the slope must not be negative")
        return self


class TierWeights(_Part):
    """One tier: P = calibration(intercept + weights · features + sum of text_weights · hashed text).

    models: the model strings it was trained on, beside `name`. n_tasks: how many outcomes. text_weights:
    bucket to weight, for each of the artefact's texts. half_width: of the interval of P (95%).
    """

    name: str
    models: tuple[str, ...] = ()
    n_tasks: int = Field(ge=0)
    base_rate: Probability
    intercept: FiniteFloat
    weights: Floats = ()
    text_weights: tuple[dict[int, FiniteFloat], ...] = ()
    calibration: Calibration = Calibration()
    half_width: Probability = 0.5


class Unknown(_Part):
    """What is said where nothing is known: `cheapest` to `dearest` by the tier's place, give or take."""

    cheapest: Probability = 0.5
    dearest: Probability = 0.7
    half_width: Probability = 0.4


class Artifact(_Part):
    """A trained classifier, ready to score."""

    schema_: Literal[1] = Field(alias="schema")
    kind: Kind
    name: str
    version: str
    card: Card
    features: FeatureSpec
    tiers: tuple[TierWeights, ...]
    unknown: Unknown = Unknown()

    @model_validator(mode="after")
    def _fits(self) -> Artifact:
        names = [tier.name for tier in self.tiers]
        if len(set(names)) != len(names) or not names:
            raise ValueError("there must be tiers, each once")
        for tier in self.tiers:
            _check_tier(tier, self.features)
        return self


def _check_tier(tier: TierWeights, features: FeatureSpec) -> None:
    if len(tier.weights) != len(features.names):
        raise ValueError(f"tier {tier.name}: {len(tier.weights)} weights, {len(features.names)} features")
    if len(tier.text_weights) != len(features.texts):
        raise ValueError(f"tier {tier.name}: text weights for {len(tier.text_weights)} of the texts")
    for weights, text in zip(tier.text_weights, features.texts, strict=True):
        if any(not 0 <= bucket < text.buckets for bucket in weights):
            raise ValueError(f"tier {tier.name}: a text weight outside of {text.buckets} buckets")


def load(path: str | Path, *, kind: Kind = LINEAR) -> Artifact:
    """Read an artefact. Raises InputError if it cannot be read, or is not one of this kind."""
    return parse(read_text(path, what="classifier"), source=str(path), kind=kind)


def parse(text: str, *, source: str = "artefact", kind: Kind = LINEAR) -> Artifact:
    """The artefact that `text` holds. Raises InputError with what is wrong, and where."""
    try:
        document = json.loads(text, parse_constant=_no_constant)
    except ValueError as error:
        raise InputError(f"{source}: not JSON: {error}", hint=_HINT) from error
    check_schema(document, source=source, kind=kind)
    try:
        return Artifact.model_validate(document)
    except ValidationError as error:
        raise InputError(f"{source}: {describe(error)}", hint=_HINT) from error


def check_schema(document: Any, *, source: str, kind: str) -> None:
    """Raise InputError unless the document says that it is of this kind and of a schema we read."""
    if not isinstance(document, dict) or "kind" not in document:
        raise InputError(f"{source}: not a classifier artefact (no `kind`)", hint=_HINT)
    if document["kind"] != kind:
        raise InputError(f"{source}: is a {document['kind']!r}, not a {kind!r}", hint=_HINT)
    if document.get("schema") != SCHEMA:
        raise InputError(
            f"{source}: schema {document.get('schema')!r}, this version reads schema {SCHEMA}",
            hint="train it again with this version: cascade train LOG -o CLASSIFIER.json",
        )


def describe(error: ValidationError) -> str:
    """The first few mistakes as `place: what`."""
    found = [f"{'.'.join(map(str, one['loc'])) or 'document'}: {one['msg']}" for one in error.errors()]
    more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
    return "; ".join(found[:3]) + more


def dump(artifact: Artifact) -> str:
    """The artefact as JSON text, the same text for the same artefact."""
    document = artifact.model_dump(mode="json", by_alias=True)
    return json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n"


def save(artifact: Artifact, path: str | Path) -> None:
    """Write it, whole or not at all. Raises StorageError if that is not possible."""
    write_atomic(path, dump(artifact), what="classifier")


@cache
def default() -> Artifact:
    """The artefact that ships; its card is in `docs/classifiers.md`."""
    place = files("cascade.classifiers.artifacts") / DEFAULT
    return parse(place.read_text(encoding="utf-8"), source=DEFAULT)


_HINT = "train one with: cascade train LOG -o CLASSIFIER.json"


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number that JSON knows")
