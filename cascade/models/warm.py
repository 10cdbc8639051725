"""Warms a provider's prefix cache: one short call with what all tasks share, before a batch fans out.

A prefix cache is filled by the first request that has the prefix; requests sent at the same moment all miss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cascade.errors import ModelError
from cascade.models.base import Completion, Meter, Model, ModelRequest
from cascade.models.tokens import estimate_input
from cascade.types import JsonObject

LEAST_TOKENS = 1024  # a shorter prefix costs more to warm than it saves
WARM_OUTPUT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Messages that all requests begin with, byte for byte, and how many tokens they are, about."""

    messages: tuple[JsonObject, ...]
    tokens: int

    @property
    def worth_warming(self) -> bool:
        """Whether the prefix is long enough."""
        return self.tokens >= LEAST_TOKENS


def shared_prefix(requests: Sequence[Sequence[JsonObject]]) -> Shared:
    """The longest run of whole messages with which all requests begin, and of the next text what is common.

    A provider's cache matches text, not messages: of the first message that differs the common beginning counts.
    """
    if not requests:
        return Shared(messages=(), tokens=0)
    first, *others = requests
    same = 0
    while same < len(first) and all(same < len(other) and other[same] == first[same] for other in others):
        same += 1
    messages = tuple(first[:same])
    rest = [request[same] for request in requests if same < len(request)]
    if len(rest) == len(requests) and len({message.get("role") for message in rest}) == 1:
        text = _common([str(message.get("content", "")) for message in rest])
        if text:
            messages = (*messages, {**rest[0], "content": text})
    return Shared(messages=messages, tokens=estimate_input(messages))


async def warm(model: Model, tier: str, shared: Shared, *, meter: Meter | None = None) -> Completion | None:
    """Send the prefix once with one token of output. None if it is too short to be worth it.

    The call costs the prefix at the price of fresh input; its charge goes to `meter`. A message is added if
    the prefix does not end with the user's. Raises `ModelError`, but not for a blank answer.
    """
    if not shared.worth_warming:
        return None
    messages = shared.messages
    if messages[-1].get("role") != "user":
        messages = (*messages, {"role": "user", "content": "ok"})
    request = ModelRequest(
        messages=messages,
        task_id="warm",
        tier=tier,
        extra={"max_tokens": WARM_OUTPUT},
        meter=meter or Meter(),
    )
    try:
        return await model.generate(request)
    except ModelError as error:
        if error.code == "model.blank":  # one token may well be a space; the prefix is read all the same
            return None
        raise


def worth_usd(shared: Shared, requests: int, *, fresh_usd: float, cached_usd: float) -> float:
    """What warming saves in USD, its own cost taken off: prices are per 1M input tokens.

    Without warming the first wave of concurrent requests all pay the fresh price; `requests` is its size.
    """
    return shared.tokens * ((requests - 1) * (fresh_usd - cached_usd) - cached_usd) / 1_000_000


def _common(texts: Sequence[str]) -> str:
    low, high = min(texts), max(texts)
    size = 0
    while size < len(low) and size < len(high) and low[size] == high[size]:
        size += 1
    return low[:size]
