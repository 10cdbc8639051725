"""Token counts where the endpoint reports none: estimates from characters, and marked as such."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from cascade.types import JsonObject, JsonValue

CountTokens: TypeAlias = Callable[[str], int]

CHARS_PER_TOKEN = 3.0  # code runs at 3 to 4 characters a token; the low end errs to the expensive side
MESSAGE_OVERHEAD = 4  # role and separators of a chat template, per message


def estimate_tokens(text: str) -> int:
    """About how many tokens `text` is, rather too many than too few.

    Characters outside ASCII count as one token each.
    """
    wide = sum(character > "\x7f" for character in text) if not text.isascii() else 0
    return math.ceil((len(text) - wide) / CHARS_PER_TOKEN) + wide


def estimate_input(
    messages: Sequence[JsonObject], tools: Sequence[JsonObject] = (), *, count: CountTokens = estimate_tokens
) -> int:
    """About how many tokens a request's messages and tools are."""
    texts = (text for message in messages for text in _strings(message))
    overhead = MESSAGE_OVERHEAD * (len(messages) + len(tools))
    return overhead + sum(map(count, texts)) + sum(count(text) for tool in tools for text in _strings(tool))


def _strings(value: JsonValue) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            if key != "role":
                yield from _strings(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _strings(item)
