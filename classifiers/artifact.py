"""The file a trained classifier is kept in: JSON with a schema version, read strictly, never pickle.

    artefact
    ├── schema, kind, name, version (of the weights), card (data, date, figures, limits)
    ├── features   which hand-made features, how they are scaled, where training saw them; the text's hashing
    ├── tiers      for each: models it stands for, base rate, weights, calibration, shrinkage, interval
    └── unknown    what is said of a tier, or a task, that training never saw
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from cascade.errors import InputError, StorageError

SCHEMA = 1
DEFAULT = "default.json"

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
    """Hashed n-grams, as `cascade.classifiers.hashing.TextSpec`."""

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
    text: TextFeatures | None = None

    @model_validator(mode="after")
    def _lengths(self) -> FeatureSpec:
        for name in ("centre", "scale", "low", "high"):
            if len(getattr(self, name)) != len(self.names):
                raise ValueError(f"{name} has {len(getattr(self, name))} values for {len(self.names)} names")
        if any(scale <= 0 for scale in self.scale):
            raise ValueError("every scale must be above 0")
        return self


class Calibration(_Part):
    """Raw probability to calibrated: linear between knots, constant outside of them."""

    x: Floats = (0.0, 1.0)
    y: tuple[Probability, ...] = (0.0, 1.0)

    @model_validator(mode="after")
    def _rising(self) -> Calibration:
        if len(self.x) != len(self.y) or not self.x:
            raise ValueError("x and y must have the same length, at least 1")
        if any(a > b for a, b in pairwise(self.x)) or any(a > b for a, b in pairwise(self.y)):
            raise ValueError("the knots must not fall")
        return self


class TierWeights(_Part):
    """One tier: P = base_rate + trust * (calibrated(sigmoid(intercept + w·x)) - base_rate).

    models: the model strings it was trained on, beside `name`. n_tasks: how many outcomes. trust: how far the
    features move the base rate, from held-out folds. half_width: of the interval of the base rate (95%).
    """

    name: str
    models: tuple[str, ...] = ()
    n_tasks: int = Field(ge=0)
    base_rate: Probability
    intercept: FiniteFloat = 0.0
    weights: Floats = ()
    text_weights: dict[int, FiniteFloat] = Field(default_factory=dict)
    calibration: Calibration = Calibration()
    trust: Probability = 1.0
    half_width: Probability = 0.5


class Unknown(_Part):
    """What is said where nothing is known: `cheapest` to `dearest` by the tier's place, give or take."""

    cheapest: Probability = 0.5
    dearest: Probability = 0.7
    half_width: Probability = 0.4


class Artifact(_Part):
    """A trained classifier, ready to score."""

    schema_: Literal[1] = Field(alias="schema")
    kind: Literal["cascade.classifier.linear"]
    name: str
    version: str
    card: Card
    features: FeatureSpec
    tiers: tuple[TierWeights, ...]
    unknown: Unknown = Unknown()

    @model_validator(mode="after")
    def _fits(self) -> Artifact:
        names = [tier.name for tier in self.tiers]
        if len(set(names)) != len(names):
            raise ValueError("a tier is there twice")
        for tier in self.tiers:
            if len(tier.weights) != len(self.features.names):
                raise ValueError(
                    f"tier {tier.name} has {len(tier.weights)} weights for {len(self.features.names)} features"
                )
            buckets = self.features.text.buckets if self.features.text else 0
            if any(not 0 <= bucket < buckets for bucket in tier.text_weights):
                raise ValueError(f"tier {tier.name} has a text weight outside the {buckets} buckets")
        return self


def load(path: str | Path) -> Artifact:
    """Read an artefact. Raises InputError if it is not one, StorageError if it cannot be read."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason})", hint=_HINT) from error
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be read: {error.strerror}", hint="give the path of a trained classifier"
        ) from error
    return parse(text, source=str(path))


def parse(text: str, *, source: str = "artefact") -> Artifact:
    """The artefact that `text` holds. Raises InputError with what is wrong, and where."""
    try:
        document = json.loads(text, parse_constant=_no_constant)
    except ValueError as error:
        raise InputError(f"{source}: not JSON: {error}", hint=_HINT) from error
    check_schema(document, source=source, kind="cascade.classifier.linear")
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
    return json.dumps(artifact.model_dump(mode="json", by_alias=True), sort_keys=True, indent=1) + "\n"


def save(artifact: Artifact, path: str | Path) -> None:
    """Write it. Raises StorageError if that is not possible."""
    try:
        Path(path).write_text(dump(artifact), encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be written: {error.strerror}", hint="choose another -o"
        ) from error


@cache
def default() -> Artifact:
    """The artefact that ships; its card is in `docs/classifiers.md`."""
    place = files("cascade.classifiers.artifacts") / DEFAULT
    return parse(place.read_text(encoding="utf-8"), source=DEFAULT)


_HINT = "train one with: cascade train LOG -o CLASSIFIER.json"


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number that JSON knows")
