"""The declared file as a frozen value: `Config`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr

from cascade.config.base import LISTED, Name, Section
from cascade.config.parts import (
    BudgetConfig,
    ClassifierConfig,
    LinearClassifier,
    PolicyConfig,
    SandboxConfig,
    ThresholdPolicy,
    ToolValidator,
    TraceConfig,
    ValidatorConfig,
)
from cascade.config.tiers import TierConfig


class Config(Section):
    """A cascade, declared. Made by `cascade.config.load`, or in Python by `cascade.config.from_mapping`.

    Paths are absolute after loading. `public_dump` and `sha256` are what a trace keeps.
    """

    version: Literal[1]
    """Version of this format."""
    tiers: Annotated[dict[Name, TierConfig], Field(min_length=2)]
    """The rungs of the cascade by name, cheapest first; two or more."""
    classifier: ClassifierConfig = LinearClassifier()
    """What estimates, before any call, how likely each tier is to pass."""
    validators: Annotated[tuple[ValidatorConfig, ...], LISTED] = (
        ToolValidator(use="syntax"),
        ToolValidator(use="ruff"),
        ToolValidator(use="mypy"),
        ToolValidator(use="pytest"),
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

        What came from `${VAR}` is shown as it was written; keys are left out; paths are relative to the
        config's folder where they lie inside it.
        """
        raise NotImplementedError
