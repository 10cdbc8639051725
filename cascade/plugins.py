"""Entry points, read when they are asked for: which plug-ins are installed, and one of them by name.

A plug-in is named in a config by its entry point's name or as `package.module:attribute`. One that does not
load is an error for whoever names it, and for nobody else.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from cascade.errors import ConfigError

GROUPS = {
    "classifiers": "cascade.classifiers",
    "validators": "cascade.validators",
    "policies": "cascade.policies",
    "models": "cascade.models",
    "trace_sinks": "cascade.trace_sinks",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """One installed plug-in: its kind, name, where it lives, which distribution brought it, and what ails it."""

    kind: str
    name: str
    target: str
    distribution: str | None
    fault: str | None = None


def load(kind: str, name: str) -> Callable[..., Any]:
    """The factory behind a name. Raises ConfigError saying which are known, or why it does not load."""
    found = next((point for point in points(kind) if point.name == name), None) if kind in GROUPS else None
    if found is None and ":" not in name:
        known = ", ".join(sorted(point.name for point in points(kind))) or "none"
        raise ConfigError(
            f"no plug-in of the group {GROUPS[kind]} is named {name!r}",
            hint=f"installed are: {known}; or write `package.module:attribute`",
        )
    try:
        factory = found.load() if found is not None else _imported(name)
    except Exception as error:  # a third party's module may fail with anything while it is imported
        where = found.value if found is not None else name
        raise ConfigError(
            f"the plug-in {name!r} ({where}) cannot be loaded: {type(error).__name__}: {error}",
            hint="mend or uninstall the package that brings it",
        ) from error
    if not callable(factory):
        raise ConfigError(f"the plug-in {name!r} is not callable", hint="point it at a class or a function")
    loaded: Callable[..., Any] = factory
    return loaded


def imported_plugin(kind: str, name: str, place: str) -> Callable[..., Any]:
    """`load`, whose error says where in the config the name stands."""
    try:
        return load(kind, name)
    except ConfigError as error:
        raise ConfigError(f"{place}: {error.message}", hint=error.hint) from error


def imported(reference: str, *, place: str) -> Callable[..., Any]:
    """The callable that `package.module:attribute` names. `place` is where it stands in the config.

    Raises ConfigError.
    """
    return imported_plugin("functions", reference, place)


def survey() -> list[Plugin]:
    """Every installed plug-in with its origin; each is loaded to see whether it works, none takes others down."""
    return [_examined(kind, point) for kind in GROUPS for point in points(kind)]


def _examined(kind: str, point: EntryPoint) -> Plugin:
    fault = None
    try:
        load(kind, point.name)
    except ConfigError as error:
        fault = error.message
    origin = f"{point.dist.name} {point.dist.version}" if point.dist else None
    return Plugin(kind=kind, name=point.name, target=point.value, distribution=origin, fault=fault)


def _imported(reference: str) -> object:
    module, _, attribute = reference.partition(":")
    return getattr(importlib.import_module(module), attribute)


@cache
def points(kind: str) -> tuple[EntryPoint, ...]:
    """Entry points of one kind, by name; read once in a process."""
    return tuple(sorted(entry_points(group=GROUPS[kind]), key=lambda point: point.name))
