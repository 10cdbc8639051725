"""Names that are built in, and names that plug-ins bring. Reads names only; nothing of a plug-in is imported."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Literal, TypeAlias

from pydantic_core import PydanticCustomError

Kind: TypeAlias = Literal["classifiers", "validators", "policies", "models", "trace_sinks"]

BUILT_IN: dict[Kind, tuple[str, ...]] = {
    "classifiers": ("rules", "linear"),
    "validators": (
        "syntax",
        "ruff",
        "mypy",
        "pytest",
        "command",
        "json_schema",
        "model",
        "tool_calls",
        "callable",
        # ready entries of `command`
        "eslint",
        "tsc",
        "biome",
        "go_vet",
        "shellcheck",
        "sqlfluff",
        "cargo_check",
        "pyright",
        "ty",
    ),
    "policies": ("expected_value", "threshold", "fixed"),
    "models": ("openai", "recorded"),
    "trace_sinks": ("opentelemetry",),
}


IMPORT_REFERENCE = r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*$"


def is_reference(name: str) -> bool:
    """Whether the name is a `package.module:attribute`."""
    return re.fullmatch(IMPORT_REFERENCE.strip("^$"), name) is not None


@dataclass(frozen=True, slots=True)
class Plugins:
    """Names that stand beside the built-in ones, by kind. None: those that are installed."""

    classifiers: frozenset[str] = frozenset()
    validators: frozenset[str] = frozenset()
    policies: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    trace_sinks: frozenset[str] | None = None

    def of(self, kind: Kind) -> frozenset[str]:
        """The names of one kind."""
        names: frozenset[str] | None = getattr(self, kind)
        return _installed(kind) if names is None else names

    def known(self, kind: Kind) -> tuple[str, ...]:
        """Every name of one kind, the built-in ones first."""
        return (*BUILT_IN[kind], *sorted(self.of(kind) - set(BUILT_IN[kind])))

    def knows(self, kind: Kind, name: str) -> bool:
        """Whether the name stands for something; `package.module:attribute` is taken at its word."""
        return is_reference(name) or name in BUILT_IN[kind] or name in self.of(kind)


def installed() -> Plugins:
    """The plug-ins of this environment, by the entry points `cascade.classifiers`, `cascade.validators`, ..."""
    return Plugins(**{kind: _installed(kind) for kind in BUILT_IN})


def _installed(kind: Kind) -> frozenset[str]:
    return frozenset(entry_points(group=f"cascade.{kind}").names)


def known_name(kind: Kind, value: str, plugins: Plugins | None) -> str:
    """The name, if it stands for something. plugins: None means the installed ones, read only if needed."""
    if value in BUILT_IN[kind] or is_reference(value):
        return value
    plugins = installed() if plugins is None else plugins
    if plugins.knows(kind, value):
        return value
    names = ", ".join(plugins.known(kind))
    raise PydanticCustomError("name.unknown", "{value} is not known", {"value": value, "names": names})
