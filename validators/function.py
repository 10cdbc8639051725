"""`callable`: your own Python function as a validator."""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias, cast

from cascade.background import call_in_daemon_thread
from cascade.errors import ConfigError
from cascade.types import Diagnostic, Report
from cascade.validators.options import Options, status_of
from cascade.validators.workspace import Workspace

# True or nothing: passed. False: failed. Text: failed, and why. Diagnostics: as they weigh. A report: as it is.
Said: TypeAlias = bool | str | Diagnostic | Iterable[Diagnostic] | Report | None
Function: TypeAlias = Callable[[Workspace], Said | Awaitable[Said]]


class CallableOptions(Options):
    """`function` is `module:name`; it is trusted, and runs in this process, not in the sandbox."""

    name: str = "callable"
    function: str
    timeout_s: float = 30.0


class FromCallable:
    """Wraps a function of a workspace; a plain one runs in a thread, a coroutine on the loop."""

    stage = 1

    def __init__(self, function: Function, *, name: str | None = None, timeout_s: float = 30.0) -> None:
        self.name = name or str(getattr(function, "__name__", "callable"))
        self._function = function
        self._timeout_s = timeout_s

    async def check(self, workspace: Workspace) -> Report:
        """What the function says; unchecked if it raises or takes too long."""
        try:
            async with asyncio.timeout(self._timeout_s):
                said = await self._call(workspace)
        except TimeoutError:
            return Report(
                name=self.name, status="unchecked", detail=f"it took more than {self._timeout_s:g} s"
            )
        return self._report(said)

    async def _call(self, workspace: Workspace) -> Any:
        if inspect.iscoroutinefunction(self._function):
            return await self._function(workspace)
        said = await call_in_daemon_thread(self._function, workspace)
        return await said if inspect.isawaitable(said) else said

    def _report(self, said: Any) -> Report:
        if isinstance(said, Report):
            return said
        plain = said is None or isinstance(said, bool | str | Diagnostic)
        found = _one(said, name=self.name) if plain else tuple(said)
        return Report(name=self.name, status=status_of(found), diagnostics=found)


def _one(said: object, *, name: str) -> tuple[Diagnostic, ...]:
    if said is None or said is True or said == "":
        return ()
    if isinstance(said, Diagnostic):
        return (said,)
    return (Diagnostic(message=said if isinstance(said, str) else f"{name} said no", code=name),)


def from_options(options: CallableOptions) -> FromCallable:
    """From the config entry. Raises ConfigError if there is no such function."""
    module, _, attribute = options.function.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        hint = "write module:function, and make sure that the module can be imported"
        raise ConfigError(f"callable: {options.function!r} cannot be found: {error}", hint=hint) from error
    if not callable(function):
        raise ConfigError(f"callable: {options.function!r} is no function", hint="write module:function")
    return FromCallable(cast("Function", function), name=options.name, timeout_s=options.timeout_s)
