"""Token counts where the endpoint reports none: estimates from characters, and marked as such."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from cascade.tokens import estimate_tokens
from cascade.types import JsonObject, JsonValue

CountTokens: TypeAlias = Callable[[str], int]

MESSAGE_OVERHEAD = 4  # role and separators of a chat template, per message


def estimate_input(
    messages: Sequence[JsonObject], tools: Sequence[JsonObject] = (), *, count: CountTokens = estimate_tokens
) -> int:
    """About how many tokens a request's messages and tools are."""
    texts = (text for message in messages for text in _strings(message))
    overhead = MESSAGE_OVERHEAD * (len(messages) + len(tools))
    return overhead + sum(map(count, texts)) + sum(count(text) for tool in tools for text in _strings(tool))


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
