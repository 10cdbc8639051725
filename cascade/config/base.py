"""What every section of the config shares: strictness, and the scalar types of the declared file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
)

from cascade.config.plugins import Plugins

DECIMAL_TEXT = r"^[0-9]+(\.[0-9]+)?$"
POSITIVE_TEXT = r"^(?=.*[1-9])[0-9]+(\.[0-9]+)?$"
NAME = r"^[A-Za-z][A-Za-z0-9_.-]*$"


class Section(BaseModel):
    """A part of the file: frozen, unknown keys refused, no value converted behind the author's back."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What validation must know beside the data: the file's folder, and the plug-ins (None: those installed)."""

    folder: Path = field(default_factory=Path)
    plugins: Plugins | None = None


def surroundings(info: ValidationInfo) -> Surroundings:
    """The surroundings that the loader passed; neutral ones for a config that is built in Python."""
    return info.context if isinstance(info.context, Surroundings) else Surroundings()


def integral(value: object) -> object:
    """4.0 as 4, the rest as it is."""
    # JSON Schema takes 4.0 for an integer; an editor and `cascade check` must not disagree.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _usd(value: object) -> object:
    # The shortest repr of a float is what the file says. Text comes from ${VAR}, and from TOML.
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(repr(value))
    if isinstance(value, str) and re.match(DECIMAL_TEXT, value):
        return Decimal(value)
    return value


def _path(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str | Path) or value == "":
        return value
    return surroundings(info).folder / Path(value).expanduser()


def _usd_schema(text: str, **bound: float) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"type": "number", **bound}, {"type": "string", "pattern": text}]})


Count: TypeAlias = Annotated[int, BeforeValidator(integral)]
Usd: TypeAlias = Annotated[Decimal, BeforeValidator(_usd), Field(ge=0), _usd_schema(DECIMAL_TEXT, minimum=0)]
PositiveUsd: TypeAlias = Annotated[
    Decimal, BeforeValidator(_usd), Field(gt=0), _usd_schema(POSITIVE_TEXT, exclusiveMinimum=0)
]
FilePath: TypeAlias = Annotated[
    Path, BeforeValidator(_path), WithJsonSchema({"type": "string", "minLength": 1})
]
Name: TypeAlias = Annotated[str, Field(pattern=NAME)]
Text: TypeAlias = Annotated[str, Field(min_length=1)]
Options: TypeAlias = Mapping[str, Any]

# A list of the file as a tuple of ours.
LISTED = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
Files: TypeAlias = Annotated[
    tuple[FilePath, ...],
    LISTED,
    BeforeValidator(
        lambda value: (value,) if isinstance(value, str | Path) else value,
        json_schema_input_type=FilePath | list[FilePath],
    ),
]
