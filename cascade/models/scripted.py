"""A model that answers as it is told: for tests, examples and dry runs, in process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from cascade.errors import ModelError
from cascade.models.base import Completion, ModelRequest, Observer
from cascade.models.replayed import booked, played
from cascade.models.tokens import estimate_input
from cascade.tokens import estimate_tokens
from cascade.types import ToolCall, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One scripted answer. `usage` None: estimated from the characters. `delay_s` is really waited for."""

    text: str = ""
    usage: Usage | None = None
    finish_reason: str = "stop"
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    delay_s: float = 0.0
    latency_s: float = 0.0
    report: Mapping[str, object] | None = None
    """What a server reports as usage instead, as it is: for the forms of other providers."""


Answer: TypeAlias = "str | Reply | ModelError"
Script: TypeAlias = (
    "str | Reply | Callable[[ModelRequest], Answer] | Mapping[str, Sequence[Answer]] | Sequence[Answer]"
)


class ScriptedModel:
    """Answers by a script and remembers every request.

    script: one answer for all, a sequence (one answer a call, the last one repeated), a mapping from task id to a
    sequence, or a function of the request. An answer is a text, a `Reply`, or a `ModelError` to raise.
    """

    def __init__(self, script: Script, *, model: str = "scripted", endpoint: str = "scripted") -> None:
        self.model = model
        self.endpoint = endpoint
        self.requests: list[ModelRequest] = []
        self._script = script
        self._calls: dict[str, int] = {}

    async def generate(self, request: ModelRequest, *, observe: Observer | None = None) -> Completion:
        """The next answer of the script. Raises the `ModelError` that the script holds."""
        self.requests.append(request)
        answer = self._next(request)
        if isinstance(answer, ModelError):
            raise answer
        reply = Reply(text=answer) if isinstance(answer, str) else answer
        if reply.delay_s:
            await asyncio.sleep(reply.delay_s)
        completion = Completion(
            text=reply.text,
            usage=reply.usage or _estimated(request, reply),
            model=self.model,
            endpoint=self.endpoint,
            finish_reason=reply.finish_reason,
            latency_s=reply.latency_s or reply.delay_s,
            reasoning=reply.reasoning,
            tool_calls=reply.tool_calls,
        )
        return booked(request, played(completion, observe), model=self.model)

    async def aclose(self) -> None:
        """Nothing to release."""

    def _next(self, request: ModelRequest) -> Answer:
        if isinstance(self._script, str | Reply):
            return self._script
        if callable(self._script):
            return self._script(request)
        if isinstance(self._script, Mapping):
            return self._turn(request.task_id, self._script[request.task_id])
        return self._turn("", self._script)

    def _turn(self, key: str, answers: Sequence[Answer]) -> Answer:
        number = self._calls.get(key, 0)
        self._calls[key] = number + 1
        return answers[min(number, len(answers) - 1)]


def _estimated(request: ModelRequest, reply: Reply) -> Usage:
    return Usage(
        input=estimate_input(request.messages, request.tools),
        output=estimate_tokens(reply.text + (reply.reasoning or "")),
        reasoning=estimate_tokens(reply.reasoning or ""),
    )
