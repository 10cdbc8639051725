"""The seam to a model: a request, a completion, and the one method between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cascade.types import History, JsonObject, ToolCall, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One call. `messages` are chat messages as JSON objects, in the order in which they are sent.

    `task_id`, `tier`, `tier_attempt`, `after` and `history` say what the call is for; recorded models are
    matched by them (design 5.7), endpoints ignore them. `tools` are OpenAI tool definitions.
    """

    messages: tuple[JsonObject, ...]
    task_id: str
    tier: str
    tier_attempt: int = 1
    after: str | None = None
    history: History = "none"
    tools: tuple[JsonObject, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What came back. `model` is the name that the endpoint answered with, `endpoint` which one it was.

    `finish_reason` is the provider's, or `cut` where an observer ended the stream early. `tries` counts
    requests made in all, the successful one included.
    """

    text: str
    usage: Usage
    model: str
    endpoint: str
    finish_reason: str | None = "stop"
    latency_s: float = 0.0
    first_token_s: float | None = None
    tries: int = 1
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()


class Observer(Protocol):
    """Sees an answer while it streams."""

    def __call__(self, delta: str) -> bool:
        """Take the next piece of text; True ends the generation here (it is booked for what it cost)."""
        ...


class Model(Protocol):
    """One tier's way to an answer. Found by entry point in the group `cascade.models`."""

    async def generate(self, request: ModelRequest, *, observe: Observer | None = None) -> Completion:
        """Answer the request.

        Raises `ModelError` with a stable code if it cannot; cancellation closes the connection.
        """
        ...

    async def aclose(self) -> None:
        """Release connections. May be called more than once."""
        ...
