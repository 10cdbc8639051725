"""The declared file as a frozen value: `Config`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationInfo, model_validator

from cascade.config.base import LISTED, Name, Section, Surroundings, integral
from cascade.config.crosschecks import cross_check
from cascade.config.graph import GraphConfig, default_graph
from cascade.config.graph_check import check_graph
from cascade.config.parts import (
    BudgetConfig,
    ChecksConfig,
    ClassifierConfig,
    EarlyStopConfig,
    JudgeConfig,
    LinearClassifier,
    PolicyConfig,
    SandboxConfig,
    ShadowConfig,
    ThresholdPolicy,
    TraceConfig,
    ValidatorConfig,
    ValidatorSetting,
)
from cascade.config.project import ProjectConfig
from cascade.config.public import Veil, public, secrets
from cascade.config.tiers import TierConfig
from cascade.errors import ConfigError


def _no_bool(value: object) -> object:
    # In Python True is 1.
    return str(value).lower() if isinstance(value, bool) else integral(value)


class Config(Section):
    """A cascade, declared: tiers of models, the checks of their answers, and what decides between them."""

    # Made by `load`, or in Python by `from_mapping`. Paths are absolute after loading.

    version: Annotated[Literal[1], BeforeValidator(_no_bool, json_schema_input_type=Literal[1])]
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
    checks: ChecksConfig = ChecksConfig()
    """In which order the validators run, and when they stop."""
    judge: JudgeConfig | None = None
    """What estimates, after an answer, how likely it is to be right. Unset: the validators alone decide."""
    policy: PolicyConfig = ThresholdPolicy(use="threshold")
    """What decides the next step."""
    budget: BudgetConfig = BudgetConfig()
    """What may be spent."""
    shadow: ShadowConfig | None = None
    """Tiers that are tried beside, on a random share of the tasks, with money of their own. Unset: none."""
    project: ProjectConfig = ProjectConfig()
    """How the tasks' workspaces are built on and tested, and what of them the models are shown."""
    sandbox: SandboxConfig = SandboxConfig()
    """Where model-written code is executed."""
    trace: TraceConfig = TraceConfig()
    """What is written down of a run."""
    early_stop: EarlyStopConfig | None = None
    """Cut a generation that is complete or can no longer pass; usage is then an estimate. Unset: never."""
    show_tests: bool = False
    """Show a task's tests to the model."""
    system_prompt: str | None = None
    """The first message of each request. Unset: the one that ships."""
    graph: GraphConfig | None = None
    """Nodes and edges. Unset: the sections above expand to one."""

    _folder: Path = PrivateAttr(default_factory=Path)
    _raw: dict[tuple[str | int, ...], str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _hangs_together(self, info: ValidationInfo) -> Self:
        """A config built in Python is checked as a file is. Raises `ConfigError`; the loader checks by itself."""
        if isinstance(info.context, Surroundings):
            return self
        data = public(self, Veil({}, Path()))
        problems = cross_check(data, None)
        problems += check_graph(data, Surroundings()) if self.graph is not None else []
        if problems:
            lines = tuple(one.unplaced() for one in problems)
            raise ConfigError("the config is wrong: " + "\n  ".join(lines), problems=lines)
        return self

    @property
    def tier_names(self) -> tuple[str, ...]:
        """Names of the tiers, cheapest first."""
        return tuple(self.tiers)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that no trace or log may hold: keys, headers, what variables held among options and body."""
        return secrets(self, self._raw)

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
        # With its graph: a config and its expansion are the same, and have the same hash.
        return public(self.expanded(), Veil(self._raw, self._folder))

    def expanded(self) -> Self:
        """The same config with the graph that it stands for written out."""
        return self if self.graph is not None else self.model_copy(update={"graph": default_graph()})

    def written_dump(self) -> dict[str, Any]:
        """As `public_dump`, without defaults: what an author would write."""
        return public(self, Veil(self._raw, self._folder, only_set=True))

    def placed(self, folder: Path, raw: Mapping[tuple[str | int, ...], str]) -> Self:
        """The same config with its folder, and with what was written where a variable stood."""
        placed = self.model_copy()
        object.__setattr__(placed, "__pydantic_private__", {"_folder": folder, "_raw": dict(raw)})
        return placed
