"""What of a text reaches the trace, and what never does: the content rule and the redaction of secrets."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

from cascade.codec import dump_json
from cascade.trace.events import Content
from cascade.types import JsonValue

ContentRule: TypeAlias = Literal["full", "hash", "none"]

MASK = "[secret]"
_SHORTEST = 6  # a shorter "secret" would blank out ordinary words
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}"), MASK),
    (re.compile(r"\b(?:ghp|gho|ghs|ghu|github_pat|glpat|hf|xox[abp])[_-][A-Za-z0-9_-]{16,}"), MASK),
    (re.compile(r"\bAKIA[A-Z0-9]{16}\b"), MASK),
    (re.compile(r"\b(Bearer|Basic)(\s+)[A-Za-z0-9._~+/-]{12,}=*", re.IGNORECASE), rf"\1\2{MASK}"),
    (re.compile(r"(://)[^/\s:@]+:[^/\s@]+@"), rf"\1{MASK}@"),
    (
        re.compile(r"([?&](?:api[_-]?key|key|token|access_token|secret|sig)=)[^&\s#\"']{6,}", re.I),
        rf"\1{MASK}",
    ),
)


class Redactor:
    """Replaces known secrets, and what looks like one, in any JSON-like value."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        found = sorted({value for value in secrets if len(value) >= _SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, found))) if found else None

    def text(self, text: str) -> str:
        """`text` with every secret masked."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for pattern, mask in _PATTERNS:
            text = pattern.sub(mask, text)
        return text

    def value(self, value: JsonValue) -> JsonValue:
        """A copy of `value` in which every string, keys included, is masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(key): self.value(item) for key, item in value.items()}
        if isinstance(value, Sequence):
            return [self.value(item) for item in value]
        return value


def sha256_of(text: str) -> str:
    """SHA-256 of the UTF-8 bytes, in hex. Lone surrogates are hashed as they are."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def content_of(text: str, rule: ContentRule) -> Content:
    """`text` by the rule."""
    if rule == "none":
        return Content(chars=len(text))
    return Content(chars=len(text), sha256=sha256_of(text), text=text if rule == "full" else None)


def messages_sha256(messages: Sequence[JsonValue]) -> str:
    """SHA-256 of the messages as canonical JSON (sorted keys, no spaces)."""
    return hashlib.sha256(dump_json(list(messages), sort=True)).hexdigest()
