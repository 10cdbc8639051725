"""The seam to a model: a request, a completion, and the one method between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cascade.notices import Notice
from cascade.types import Charge, History, JsonObject, ToolCall, Usage


class Meter:
    """Collects every charge of a call, however the call ends: answered, failed or cancelled.

    A caller that must not lose money gives one with the request and reads `charges` in a `finally`.
    """

    def __init__(self) -> None:
        self.charges: list[Charge] = []

    def __call__(self, charge: Charge) -> None:
        """Book one charge. Models call it as soon as a request has ended."""
        self.charges.append(charge)

    @property
    def usage(self) -> Usage:
        """The sum over all charges so far."""
        return sum((charge.usage for charge in self.charges), Usage())


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One call. `messages` are chat messages as JSON objects, in the order in which they are sent.

    `task_id`, `tier`, `tier_attempt`, `after` and `history` say what the call is for; recorded models are
    matched by them (design 5.7), endpoints ignore them. `tools` are OpenAI tool definitions. `extra` goes
    into the request's body. `deadline_s` is what is left for this call in seconds, retries and waits
    included (None: the endpoint's own limit). `meter` is told of every charge.
    `before_retry` is called with the last charge before another request of the same call is sent: to write it
    down, and to set money aside for it. If it raises `BudgetExhaustedError` that request is not sent, and the
    call ends with the failure before it.
    """

    messages: tuple[JsonObject, ...]
    task_id: str
    tier: str
    tier_attempt: int = 1
    after: str | None = None
    history: History = "none"
    tools: tuple[JsonObject, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict)
    deadline_s: float | None = None
    meter: Meter | None = field(default=None, compare=False)
    before_retry: Callable[[Charge], None] | None = field(default=None, compare=False)
    notify: Callable[[Notice], None] | None = field(default=None, compare=False)
    """Is handed what a user should know although nothing failed, as soon as it is known."""

    def warn(self, notice: Notice) -> None:
        """Hand a notice on, if somebody listens."""
        if self.notify is not None:
            self.notify(notice)

    def book(self, charge: Charge) -> None:
        """Tell the meter, if there is one."""
        if self.meter is not None:
            self.meter(charge)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What came back. `model` is the name that the endpoint answered with, `endpoint` which one it was.

    `finish_reason` is the provider's, or `cut` where an observer ended the stream early. `tries` counts
    requests made in all, the successful one included. `usage` is the sum over `charges`, so failed tries
    that were billed are in it; a model that makes one request only may leave `charges` empty.
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
    charges: tuple[Charge, ...] = ()


class Observer(Protocol):
    """Sees an answer while it streams.

    Methods that it may have besides: `restart()` is called when a broken stream is tried again from the beginning;
    `reasoning(delta)` sees the thoughts, and may end the generation likewise; `rethink(answer)` is called at the end
    of a stream whose text turned out to be a thought up to `answer`.
    """

    def __call__(self, delta: str, /) -> bool:
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
