"""A provider's prefix cache for the scripted server: a request hits what an answered one of its model began with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

BLOCK = 256
"""Characters that are cached together, as providers cache blocks of tokens."""


class PrefixCache:
    """Remembers the beginnings of requests by model, block by block."""

    def __init__(self) -> None:
        self._seen: dict[str, set[bytes]] = {}

    def cached_chars(self, model: str, messages: Sequence[Mapping[str, Any]]) -> int:
        """How many characters of the messages are there already."""
        seen = self._seen.get(model, set())
        blocks = 0
        for key in _keys(messages):
            if key not in seen:
                break
            blocks += 1
        return blocks * BLOCK

    def add(self, model: str, messages: Sequence[Mapping[str, Any]]) -> None:
        """An answer to these messages was sent."""
        self._seen.setdefault(model, set()).update(_keys(messages))


def _keys(messages: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    """A hash for each beginning of whole blocks."""
    text = text_of(messages)
    running = hashlib.sha256()
    for at in range(0, len(text) - BLOCK + 1, BLOCK):
        running.update(text[at : at + BLOCK].encode("utf-8", "surrogatepass"))
        yield running.digest()


def text_of(messages: Sequence[Mapping[str, Any]]) -> str:
    """What the cache compares: the messages as one text."""
    return "".join(f"<{message.get('role')}>{message.get('content')}" for message in messages)
