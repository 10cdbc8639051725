"""From names and options to validators."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from pydantic import ValidationError

from cascade.errors import ConfigError
from cascade.validators.base import Validator
from cascade.validators.sandbox import Sandbox

Spec: TypeAlias = str | Mapping[str, Any]
# A factory takes the sandbox and the options of the config entry, without its `use`.
Factory: TypeAlias = Callable[[Sandbox, Mapping[str, Any]], Validator]

DEFAULT = ("syntax", "ruff", "mypy", "pytest")


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
    """The validators that come with the library; each module loads when it is first built."""
    return {"syntax": _syntax, "ruff": _ruff, "mypy": _mypy, "pytest": _pytest}


def _syntax(sandbox: Sandbox, options: Mapping[str, Any]) -> Validator:
    from cascade.validators.syntax import Syntax, SyntaxOptions

    return Syntax(sandbox, SyntaxOptions(**options))


def _ruff(sandbox: Sandbox, options: Mapping[str, Any]) -> Validator:
    from cascade.validators.ruff import Ruff, RuffOptions

    return Ruff(sandbox, RuffOptions(**options))


def _mypy(sandbox: Sandbox, options: Mapping[str, Any]) -> Validator:
    from cascade.validators.mypy import Mypy, MypyOptions

    return Mypy(sandbox, MypyOptions(**options))


def _pytest(sandbox: Sandbox, options: Mapping[str, Any]) -> Validator:
    from cascade.validators.pytest import Pytest, PytestOptions

    return Pytest(sandbox, PytestOptions(**options))
