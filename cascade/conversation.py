"""A chat conversation as a task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# What these look at is code in files; a chat answer has fragments of code, which they would refuse.
CODE_CHECKS = frozenset({"syntax", "ruff", "mypy", "pyright", "ty", "pytest"})


def chat_checks(configured: Iterable[str]) -> tuple[str, ...]:
    """The checks for a conversation: the configured ones, without those that look at code files."""
    return tuple(name for name in configured if name not in CODE_CHECKS)


def last_said(messages: Iterable[Mapping[str, Any]]) -> str:
    """The user's last words: what the classifier reads."""
    said = [text_of(message.get("content")) for message in messages if message.get("role") == "user"]
    return next((text for text in reversed(said) if text), "")


def text_of(content: Any) -> str:
    """A message's text, its parts joined."""
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content or ""
