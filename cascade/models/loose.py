"""Values of a chunk, of whatever type they come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_THOUGHTS = ("thinking", "reasoning", "thought", "reasoning_text", "summary_text")


class MalformedError(ValueError):
    """A chunk that is not what any server's protocol allows."""


def loose_text(value: object) -> str:
    """A text, empty for None. Raises `MalformedError` for anything else."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedError(f"a text is expected, not {type(value).__name__}")
    return value


def contents(value: object) -> Iterator[tuple[str, str]]:
    """Text and thought of a `content`: a text, or parts as Mistral's and other servers' reasoning models send them.

    Parts of other kinds (references, images) are passed over. Raises `MalformedError`.
    """
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list):
        yield loose_text(value), ""
        return
    for part in value:
        if not isinstance(part, Mapping):
            yield loose_text(part), ""
        elif str(part.get("type", "")) in _THOUGHTS:
            yield "", thought_text(part)
        elif isinstance(part.get("text"), str):
            yield part["text"], ""


def thought_text(value: object) -> str:
    """The text of a thought: a text, an object that holds one, or a list of these. Encrypted thoughts have none."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(thought_text, value))
    if not isinstance(value, Mapping):
        return ""
    kinds = ("thinking", "text", "content", "summary", "reasoning")
    return next((text for kind in kinds if (text := thought_text(value.get(kind)))), "")


def first_thought(delta: Mapping[str, Any]) -> str:
    """The new thought of a delta. Servers that send it under several names send the same text."""
    names = (
        "reasoning_content",
        "reasoning",
        "reasoning_details",
        "thinking",
        "thinking_blocks",
        "thinking_content",
    )
    return next((text for name in names if (text := thought_text(delta.get(name)))), "")
