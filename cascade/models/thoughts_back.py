"""The thoughts of earlier answers in a conversation: given back to servers that want them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cascade.models.loose import first_thought

WANTED = "reasoning_content"


def with_thoughts(messages: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The messages, each tool call of an assistant with the thoughts that led to it.

    Thinking mode refuses tool calls without `reasoning_content`. Calls by a tier that did not think have none: an
    empty text is taken. Thoughts under another server's name are given this server's.
    """
    return [_completed(message) for message in messages]


def _completed(message: Mapping[str, Any]) -> Mapping[str, Any]:
    if not message.get("tool_calls") or message.get(WANTED) is not None:
        return message
    return {**message, WANTED: first_thought(message)}
