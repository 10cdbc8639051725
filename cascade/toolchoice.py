"""What a conversation's request demands of tool calls, in the protocol's words and in those of its older form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from cascade.types import JsonObject, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolChoice:
    """`tool_choice`, or `function_call` of older clients."""

    must_call: bool = False
    """Whether an answer without a call is no answer."""
    forbidden: bool = False
    """Whether an answer with a call is no answer."""
    names: tuple[str, ...] = ()
    """The tools that have to be called."""

    @classmethod
    def of(cls, task: Task) -> Self:
        """What the task's parameters say."""
        choice: Any = task.parameters.get("tool_choice")
        choice = task.parameters.get("function_call") if choice is None else choice
        if isinstance(choice, Mapping):
            kind, name = choice.get("type"), _name(choice)
            allowed = choice.get("allowed_tools")
            mode = allowed.get("mode") if isinstance(allowed, Mapping) else choice.get("mode")
            must = name is not None or kind in ("any", "required") or mode == "required"
            return cls(must_call=must, forbidden=kind == "none", names=(name,) if name else ())
        return cls(must_call=choice in ("required", "any"), forbidden=choice == "none")


def declared_tools(task: Task) -> tuple[JsonObject, ...]:
    """The tools of a task, `functions` of older clients among them."""
    functions = task.parameters.get("functions")
    older = functions if isinstance(functions, list | tuple) else ()
    return (*task.tools, *({"type": "function", "function": each} for each in older))


def is_older_protocol(task: Task) -> bool:
    """Whether the client knows functions and no tools, so that its answer has a `function_call`."""
    return bool(task.parameters.get("functions")) and not task.tools


def _name(choice: Mapping[str, Any]) -> str | None:
    function = choice.get("function")
    name = function.get("name") if isinstance(function, Mapping) else choice.get("name")
    return str(name) if name else None
