"""Token counts where the endpoint reports none: estimates from characters, and marked as such."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from cascade.models.media import media_tokens, text_of
from cascade.tokens import estimate_tokens
from cascade.tokens import most_tokens as bound_of
from cascade.types import JsonObject, JsonValue

CountTokens: TypeAlias = Callable[[str], int]

MOST_OVERHEAD = 8  # the same at most
MESSAGE_OVERHEAD = 4  # role and separators of a chat template, per message


def estimate_input(
    messages: Sequence[JsonObject],
    tools: Sequence[JsonObject] = (),
    *,
    count: CountTokens = estimate_tokens,
    models: Sequence[str] = (),
) -> int:
    """About how many tokens a request's messages and tools are; its pictures and files by the rules of `models`."""
    media = media_tokens(messages, models).expected
    texts = (text for message in messages for text in _strings(text_of(message)))
    overhead = MESSAGE_OVERHEAD * (len(messages) + len(tools))
    return (
        media
        + overhead
        + sum(map(count, texts))
        + sum(count(text) for tool in tools for text in _strings(tool))
    )


def most_input(rows: Sequence[JsonObject], models: Sequence[str] = ()) -> int:
    """Tokens of messages, tool definitions and parameters at most.

    Texts count by what their characters can become (`cascade.tokens`), pictures, audio and files by the rules of
    `models`.
    """
    said = sum(bound_of(plain_text(text_of(row))) + MOST_OVERHEAD for row in rows)
    return said + media_tokens(rows, models).most


def plain_text(row: JsonObject) -> str:
    """What of a message or a tool definition is counted: its text; all of it where there is more than that."""
    content = row.get("content")
    if isinstance(content, str) and row.keys() <= {"role", "content"}:
        return content
    return json.dumps(row, ensure_ascii=False)


class Calibration:
    """Corrects estimates of one endpoint by what it reported where it did report."""

    LEAST = 3  # reports before it corrects

    def __init__(self) -> None:
        self._reports = 0
        self._estimated = 0
        self._reported = 0

    def learn(self, estimated: int, reported: int) -> None:
        """Take a pair of counts of the same text into account."""
        if estimated > 0 and reported > 0:
            self._reports += 1
            self._estimated += estimated
            self._reported += reported

    def corrected(self, estimated: int) -> int:
        """The estimate by the ratio so far, rounded up."""
        if self._reports < self.LEAST:
            return estimated
        return -(-estimated * self._reported // self._estimated)


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
