"""The declared file as a frozen value: `Config`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, PrivateAttr, SecretStr

from cascade.config.base import LISTED, Name, Section
from cascade.config.parts import (
    BudgetConfig,
    ClassifierConfig,
    LinearClassifier,
    PolicyConfig,
    SandboxConfig,
    ThresholdPolicy,
    TraceConfig,
    ValidatorConfig,
    ValidatorSetting,
)
from cascade.config.tiers import TierConfig

_HIDDEN = object()  # stands for a secret until it is left out


class Config(Section):
    """A cascade, declared: tiers of models, the checks of their answers, and what decides between them."""

    # Made by `load`, or in Python by `from_mapping`. Paths are absolute after loading.

    version: Literal[1]
    """Version of this format."""
    tiers: Annotated[dict[Name, TierConfig], Field(min_length=2)]
    """The rungs of the cascade by name, cheapest first; two or more."""
    classifier: ClassifierConfig = LinearClassifier(use="linear")
    """What estimates, before any call, how likely each tier is to pass."""
    validators: Annotated[tuple[ValidatorSetting, ...], LISTED] = (
        ValidatorConfig(use="syntax"),
        ValidatorConfig(use="ruff"),
        ValidatorConfig(use="mypy"),
        ValidatorConfig(use="pytest"),
    )
    """The checks that an answer must pass: a name, or `{use: NAME, ...}`."""
    policy: PolicyConfig = ThresholdPolicy(use="threshold")
    """What decides the next step."""
    budget: BudgetConfig = BudgetConfig()
    """What may be spent."""
    sandbox: SandboxConfig = SandboxConfig()
    """Where model-written code is executed."""
    trace: TraceConfig = TraceConfig()
    """What is written down of a run."""
    show_tests: bool = False
    """Show a task's tests to the model."""
    system_prompt: str | None = None
    """The first message of each request. Unset: the one that ships."""
    graph: dict[str, Any] | None = None
    """Nodes and edges. Unset: the sections above expand to one."""

    _folder: Path = PrivateAttr(default_factory=Path)
    _raw: dict[tuple[str | int, ...], str] = PrivateAttr(default_factory=dict)

    @property
    def tier_names(self) -> tuple[str, ...]:
        """Names of the tiers, cheapest first."""
        return tuple(self.tiers)

    @property
    def sha256(self) -> str:
        """Hex digest of `public_dump()` as canonical JSON; changes with anything that matters to a run."""
        text = json.dumps(self.public_dump(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def public_dump(self) -> dict[str, Any]:
        """All settings, defaults included, as JSON types, without a secret.

        What came from `${VAR}` is shown as it was written; other secrets and what is unset are left out;
        paths are relative to the config's folder where they lie inside it.
        """
        dumped: dict[str, Any] = _Public(self._raw, self._folder).of(self)
        return dumped

    def placed(self, folder: Path, raw: Mapping[tuple[str | int, ...], str]) -> Self:
        """The same config with its folder, and with what was written where a variable stood."""
        placed = self.model_copy()
        object.__setattr__(placed, "__pydantic_private__", {"_folder": folder, "_raw": dict(raw)})
        return placed


@dataclass(frozen=True, slots=True)
class _Public:
    """Writes a value down without what is secret."""

    raw: Mapping[tuple[str | int, ...], str]
    folder: Path

    def of(self, value: Any, place: tuple[str | int, ...] = ()) -> Any:
        if place in self.raw:
            return self.raw[place]
        if isinstance(value, BaseModel):
            return self._mapping(_set_fields(value), place)
        if isinstance(value, Mapping):
            return self._mapping(value, place)
        if isinstance(value, list | tuple):
            return [self.of(item, (*place, index)) for index, item in enumerate(value)]
        return self._scalar(value)

    def _mapping(self, value: Mapping[str, Any], place: tuple[str | int, ...]) -> dict[str, Any]:
        dumped = {key: self.of(item, (*place, key)) for key, item in value.items()}
        return {key: item for key, item in dumped.items() if item is not _HIDDEN}

    def _scalar(self, value: Any) -> Any:
        if isinstance(value, SecretStr):
            return _HIDDEN
        if isinstance(value, Path):
            return (value.relative_to(self.folder) if value.is_relative_to(self.folder) else value).as_posix()
        return str(value) if isinstance(value, Decimal) else value


def _set_fields(section: BaseModel) -> dict[str, Any]:
    """Keys of the file, options of a plug-in included; what is unset is left out."""
    fields = type(section).model_fields
    named = {(fields[name].alias or name) if name in fields else name: item for name, item in section}
    return {key: item for key, item in named.items() if item is not None}
