"""A reply as the lines of a chat completion stream, or as one document; with the faults of content."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from cascade.models.scripted import Reply
from cascade.testing.faults import Fault
from cascade.types import Usage

_ABSURD = {"prompt_tokens": -7, "completion_tokens": 10**12, "total_tokens": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """What is going to be sent. `counted`: the usage was counted from the text, not given by the script."""

    reply: Reply
    model: str
    usage: dict[str, Any] | None
    size: int
    counted: bool

    @classmethod
    def of(
        cls, document: dict[str, Any], reply: Reply, usage: Usage, *, fault: Fault | None, size: int
    ) -> Pieces:
        """The reply to a request, as the fault leaves it."""
        kind = fault.kind if fault is not None else None
        model = str(document.get("model", "scripted"))
        reported: dict[str, Any] | None = _usage(usage) if reply.report is None else dict(reply.report)
        if kind == "no_usage":
            reported = None
        elif kind == "absurd_usage":
            reported = _ABSURD
        if kind == "blank":
            reply = replace(reply, text="   \n ", reasoning=None, tool_calls=())
        elif kind in {"length", "content_filter"}:
            reply = replace(reply, finish_reason=str(kind))
        model = "another-model" if kind == "wrong_model" else model
        return cls(reply=reply, model=model, usage=reported, size=size, counted=reply.usage is None)

    @property
    def content(self) -> str:
        """All that is generated, in the order in which it is sent."""
        calls = "".join(call.name + call.arguments for call in self.reply.tool_calls)
        return (self.reply.reasoning or "") + self.reply.text + calls

    def lines(self) -> Iterator[tuple[bytes, str]]:
        """Server-sent events, each with the generated text that it carries."""
        yield self._event({"role": "assistant", "content": ""}), ""
        for name, text in (("reasoning_content", self.reply.reasoning or ""), ("content", self.reply.text)):
            for start in range(0, len(text), self.size):
                piece = text[start : start + self.size]
                yield self._event({name: piece}), piece
        for index, call in enumerate(self.reply.tool_calls):
            function = {"name": call.name, "arguments": ""}
            head = {"index": index, "id": call.id, "type": "function", "function": function}
            yield self._event({"tool_calls": [head]}), call.name
            for start in range(0, len(call.arguments), self.size):
                piece = call.arguments[start : start + self.size]
                yield self._event({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}), piece
        yield self._event({}, finish=self.reply.finish_reason), ""
        if self.usage is not None:
            yield self._line({**self._frame(), "choices": [], "usage": self.usage}), ""
        yield b"data: [DONE]\n\n", ""

    def whole(self) -> dict[str, Any]:
        """The same as one document."""
        message: dict[str, Any] = {"role": "assistant", "content": self.reply.text}
        if self.reply.reasoning:
            message["reasoning_content"] = self.reply.reasoning
        if self.reply.tool_calls:
            message["tool_calls"] = [
                {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
                for c in self.reply.tool_calls
            ]
        choice = {"index": 0, "message": message, "finish_reason": self.reply.finish_reason}
        return {**self._frame(), "object": "chat.completion", "choices": [choice], "usage": self.usage}

    def _event(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        return self._line(
            {**self._frame(), "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        )

    def _frame(self) -> dict[str, Any]:
        return {"id": "scripted", "object": "chat.completion.chunk", "created": 0, "model": self.model}

    def _line(self, document: dict[str, Any]) -> bytes:
        return b"data: " + json.dumps(document).encode() + b"\n\n"


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_input,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
        "prompt_cache_hit_tokens": usage.cached_input,
        "prompt_cache_miss_tokens": usage.input - usage.cached_input,
    }
