"""From names and options to validators."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError

from cascade.errors import ConfigError
from cascade.validators.base import Validator
from cascade.validators.presets import PRESETS
from cascade.validators.sandbox import Sandbox

Spec: TypeAlias = str | Mapping[str, Any]
# A factory takes the sandbox and the options of the config entry, without its `use`.
Factory: TypeAlias = Callable[[Sandbox, Mapping[str, Any]], Validator]

DEFAULT = ("syntax", "ruff", "mypy", "pytest")
# name: module, validator, options
HOMES = {
    "syntax": ("cascade.validators.syntax", "Syntax", "SyntaxOptions"),
    "ruff": ("cascade.validators.ruff", "Ruff", "RuffOptions"),
    "mypy": ("cascade.validators.mypy", "Mypy", "MypyOptions"),
    "pytest": ("cascade.validators.pytest", "Pytest", "PytestOptions"),
    "command": ("cascade.validators.command", "Command", "CommandOptions"),
    "json_schema": ("cascade.validators.json_schema", "JsonSchema", "SchemaOptions"),
    "model": ("cascade.validators.json_schema", "Model", "ModelOptions"),
    "tool_calls": ("cascade.validators.tool_calls", "ToolCalls", "ToolCallsOptions"),
    "callable": ("cascade.validators.function", "from_options", "CallableOptions"),
}
WITHOUT_SANDBOX = frozenset({"json_schema", "model", "tool_calls", "callable"})


def build(
    specs: Sequence[Spec] = DEFAULT, *, sandbox: Sandbox, extra: Mapping[str, Factory] | None = None
) -> tuple[Validator, ...]:
    """The validators that the config names, in its order.

    `specs` are names, or mappings with `use` and the validator's options. `extra` holds third parties'
    factories, found by entry point by the composition root. A built-in name wins over one of `extra`.

    Raises:
        ConfigError: an unknown name, a wrong option, or two validators with one name.
    """
    factories = {**(extra or {}), **built_in()}
    built = [_one(spec, number, sandbox, factories) for number, spec in enumerate(specs)]
    names = [validator.name for validator in built]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            f"two validators are named {', '.join(twice)}",
            hint="give one of them another name: {use: ..., name: ...}",
        )
    return tuple(built)


def known_names(extra: Mapping[str, Factory] | None = None) -> tuple[str, ...]:
    """Every name that `build` accepts."""
    return tuple(sorted({**(extra or {}), **built_in()}))


def _one(spec: Spec, number: int, sandbox: Sandbox, factories: Mapping[str, Factory]) -> Validator:
    options = {"use": spec} if isinstance(spec, str) else dict(spec)
    name = options.pop("use", None)
    factory = factories.get(name) if isinstance(name, str) else None
    if factory is None:
        raise ConfigError(
            f"validators[{number}]: unknown validator {name!r}",
            hint=f"known are: {', '.join(sorted(factories))}; a plug-in registers in the entry point group "
            "'cascade.validators'",
        )
    try:
        return factory(sandbox, options)
    except ValidationError as error:
        problems = tuple(
            f"validators[{number}].{'.'.join(str(part) for part in one['loc'])}: {one['msg']}"
            for one in error.errors()
        )
        raise ConfigError(
            "; ".join(problems), hint=f"see the options of {name!r}", problems=problems
        ) from error


def built_in() -> dict[str, Factory]:
    """The validators that come with the library, presets of `command` among them."""
    return {**{name: _shipped(name) for name in HOMES}, **{name: _preset(name) for name in PRESETS}}


def options_model(name: str) -> type[BaseModel] | None:
    """The model of a shipped validator's options, for whoever checks a config; None for plug-ins and presets."""
    if name not in HOMES:
        return None
    module, _, options = HOMES[name]
    model: type[BaseModel] = getattr(importlib.import_module(module), options)
    return model


def _shipped(name: str) -> Factory:
    """A factory that imports the validator when it is first built."""

    def factory(sandbox: Sandbox, options: Mapping[str, Any]) -> Validator:
        module, kind, model = HOMES[name]
        home = importlib.import_module(module)
        chosen = getattr(home, model).model_validate(dict(options))
        make = getattr(home, kind)
        validator: Validator = make(chosen) if name in WITHOUT_SANDBOX else make(sandbox, chosen)
        return validator

    return factory


def _preset(name: str) -> Factory:
    """A factory for a ready entry of `command`; the entry's options can be overridden one by one."""

    def factory(sandbox: Sandbox, options: Mapping[str, Any]) -> Validator:
        return _shipped("command")(sandbox, {"name": name, **PRESETS[name], **options})

    return factory
