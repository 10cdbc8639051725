"""Learnt estimates as a JSON file: what `cascade tune` writes and the expected-value policy reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from cascade.errors import InputError, StorageError
from cascade.policy.latent import Arm, Flag, LatentEstimates, Trace
from cascade.policy.steps import Step
from cascade.types import History

SCHEMA = 1


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TraceRecord(_Part):
    """See `cascade.policy.latent.Trace`."""

    kind: Literal["gaussian"] = "gaussian"
    mean: tuple[float, ...]
    sd: float = Field(gt=0)
    weight: float = Field(default=1.0, ge=0)
    offset: float = Field(default=1.0, gt=0)

    @property
    def by_class(self) -> tuple[float, ...]:
        """The numbers that there is one of for each class."""
        return self.mean


class FlagRecord(_Part):
    """See `cascade.policy.latent.Flag`."""

    kind: Literal["bernoulli"]
    p: tuple[Annotated[float, Field(gt=0, lt=1)], ...]
    weight: float = Field(default=1.0, ge=0)

    @property
    def by_class(self) -> tuple[float, ...]:
        """The numbers that there is one of for each class."""
        return self.p


def _kind(value: Any) -> str:
    """The kind of a figure's record; without one it is the Gaussian of the first version."""
    kind = value.get("kind", "gaussian") if isinstance(value, dict) else getattr(value, "kind", "")
    return kind if kind == "bernoulli" else "gaussian"


FigureRecord: TypeAlias = Annotated[
    Annotated[TraceRecord, Tag("gaussian")] | Annotated[FlagRecord, Tag("bernoulli")], Discriminator(_kind)
]


class ArmRecord(_Part):
    """See `cascade.policy.latent.Arm`."""

    tier: str
    attempt: int = Field(default=1, ge=1)
    after: str | None = None
    history: History = "none"
    p: tuple[Annotated[float, Field(ge=0, le=1)], ...]
    cost_usd: tuple[float, ...] | None = None
    evidence: float = Field(default=10.0, ge=0)
    traces: dict[str, FigureRecord] = Field(default_factory=dict)

    @property
    def by_class(self) -> list[tuple[float, ...]]:
        """The lists that have one number for each class."""
        lists = [self.p, *(trace.by_class for trace in self.traces.values())]
        return lists if self.cost_usd is None else [*lists, self.cost_usd]


class EstimatesFile(_Part):
    """The whole file. `about` says what it was learnt from and is not read."""

    kind: Literal["cascade.estimates"] = "cascade.estimates"
    schema_: Literal[1] = Field(default=1, alias="schema")
    version: str
    weights: tuple[float, ...] = Field(min_length=1)
    arms: tuple[ArmRecord, ...] = Field(min_length=1)
    told: TraceRecord | None = None
    known_only: bool = True
    mend: float = Field(default=0.3, ge=0, le=1)
    output_tokens: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    about: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        classes = len(self.weights)
        if min(self.weights) < 0 or abs(sum(self.weights) - 1) > 1e-6:
            raise ValueError("weights are shares that sum to 1")
        if self.told is not None and len(self.told.mean) != classes:
            raise ValueError(f"told: mean has one number for each of {classes} classes")
        for arm in self.arms:
            if any(len(one) != classes for one in arm.by_class):
                raise ValueError(f"arm {arm.tier}: every list has one number for each of {classes} classes")
        return self


def load_estimates(path: Path | str) -> LatentEstimates:
    """Read estimates.

    Raises StorageError if the file cannot be read, InputError if it is not such a file.
    """
    path = Path(path)
    try:
        text = path.read_bytes()
    except OSError as error:
        raise StorageError(
            f"cannot read the estimates {path}: {error.strerror}", hint="`cascade tune` writes them"
        ) from error
    try:
        record = EstimatesFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "file"
        raise InputError(
            f"{path}: {place}: {first['msg']}",
            hint=f"expected an estimates file of schema {SCHEMA}, as `cascade tune` writes",
        ) from error
    return _estimates(record)


def dump_estimates(estimates: LatentEstimates, *, about: dict[str, Any] | None = None) -> str:
    """Estimates as JSON text, figures by class to six digits."""
    record = EstimatesFile(
        version=estimates.version,
        weights=estimates.weights,
        arms=tuple(_record(arm) for arm in estimates.arms.values()),
        told=None if estimates.told is None else _gaussian(estimates.told),
        known_only=estimates.known_only,
        mend=estimates.mend,
        output_tokens={tier: float(f"{mean:.6g}") for tier, mean in estimates.output_tokens.items()},
        about=about or {},
    )
    return record.model_dump_json(by_alias=True, indent=1) + "\n"


def _estimates(record: EstimatesFile) -> LatentEstimates:
    arms = {}
    for arm in record.arms:
        step = Step(arm.tier, arm.attempt, arm.after, arm.history)
        traces = {name: _read(trace) for name, trace in arm.traces.items()}
        arms[step] = Arm(step, arm.p, arm.cost_usd, arm.evidence, traces)
    return LatentEstimates(
        weights=record.weights,
        arms=arms,
        told=None if record.told is None else _trace(record.told),
        known_only=record.known_only,
        mend=record.mend,
        output_tokens=record.output_tokens,
        version=record.version,
    )


def _record(arm: Arm) -> ArmRecord:
    return ArmRecord(
        tier=arm.step.tier,
        attempt=arm.step.attempt,
        after=arm.step.after,
        history=arm.step.history,
        p=_short(arm.p),
        cost_usd=None if arm.cost_usd is None else _short(arm.cost_usd),
        evidence=arm.evidence,
        traces={name: _written(trace) for name, trace in arm.traces.items()},
    )


def _read(record: TraceRecord | FlagRecord) -> Trace | Flag:
    if isinstance(record, FlagRecord):
        return Flag(record.p, record.weight)
    return _trace(record)


def _trace(record: TraceRecord) -> Trace:
    return Trace(record.mean, record.sd, record.weight, record.offset)


def _written(trace: Trace | Flag) -> TraceRecord | FlagRecord:
    if isinstance(trace, Flag):
        return FlagRecord(kind="bernoulli", p=_short(trace.p), weight=trace.weight)
    return _gaussian(trace)


def _gaussian(trace: Trace) -> TraceRecord:
    return TraceRecord(mean=_short(trace.mean), sd=trace.sd, weight=trace.weight, offset=trace.offset)


def _short(numbers: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(float(f"{number:.6g}") for number in numbers)
