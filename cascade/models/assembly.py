"""Puts a streamed answer together: text, reasoning, tool calls, usage. Trusts nothing in what it is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cascade.models.usage import UsageReports
from cascade.types import ToolCall


class MalformedError(ValueError):
    """A chunk that is not what the protocol allows."""


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class Assembly:
    """What has arrived so far."""

    def __init__(self) -> None:
        self.model: str | None = None
        self.finish_reason: str | None = None
        self.refusal = ""
        self.chunks = 0
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, _Call] = {}
        self.usage = UsageReports()

    def feed(self, chunk: Any) -> tuple[str, str]:
        """Take one chunk of the openai client. The new text and the new reasoning; both may be empty.

        Raises `MalformedError`.
        """
        self.chunks += 1
        self.model = _text(getattr(chunk, "model", None)) or self.model
        self.usage.take(chunk)
        choices = getattr(chunk, "choices", None) or []
        if not isinstance(choices, list):
            raise MalformedError("`choices` is not a list")
        text = reasoning = ""
        for choice in choices:
            if getattr(choice, "index", 0) in (0, None):
                new_text, new_reasoning = self._take(choice)
                text += new_text
                reasoning += new_reasoning
        return text, reasoning

    def _take(self, choice: Any) -> tuple[str, str]:
        self.finish_reason = _text(getattr(choice, "finish_reason", None)) or self.finish_reason
        delta = getattr(choice, "delta", None)
        if delta is None:
            return "", ""
        text = _text(getattr(delta, "content", None))
        reasoning = _text(getattr(delta, "reasoning_content", None)) or _text(
            getattr(delta, "reasoning", None)
        )
        self.refusal += _text(getattr(delta, "refusal", None))
        self._text.append(text)
        self._reasoning.append(reasoning)
        for part in getattr(delta, "tool_calls", None) or []:
            self._extend(part)
        return text, reasoning

    def _extend(self, part: Any) -> None:
        index = getattr(part, "index", None)
        function = getattr(part, "function", None)
        identity = _text(getattr(part, "id", None))
        if not isinstance(index, int):  # some servers leave it out: a new id begins a new call
            last = len(self._calls) - 1
            index = last + 1 if last < 0 or (identity and self._calls[last].id != identity) else last
        call = self._calls.setdefault(index, _Call())
        call.id = call.id or identity
        call.name = call.name or _text(getattr(function, "name", None))
        call.arguments.append(_text(getattr(function, "arguments", None)))

    @property
    def text(self) -> str:
        """The answer's text so far."""
        return "".join(self._text)

    @property
    def reasoning(self) -> str:
        """The reasoning so far."""
        return "".join(self._reasoning)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """Tool calls so far, in order."""
        return tuple(
            ToolCall(id=call.id, name=call.name, arguments="".join(call.arguments))
            for _, call in sorted(self._calls.items())
        )

    @property
    def received(self) -> str:
        """All that was generated, as text to be counted."""
        calls = "".join(call.name + call.arguments for call in self.tool_calls)
        return self.text + self.reasoning + calls + self.refusal


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedError(f"a text is expected, not {type(value).__name__}")
    return value
