"""What one endpoint takes: its dialect's forms, and those that a refusal taught, for the rest of the run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from cascade.models.dialects.table import FORMS, OPTIONAL_KEYS

_UNKNOWN = (
    r"unsupported|not supported|does(?: not|n't) support|not permitted|not allowed|unknown|unrecogni[sz]ed|unexpected"
    r"|extra_forbidden|extra (?:inputs|fields)|invalid|deprecated|only the default"
)
# In order: the first that fits the words and would change the request is taken. Wordings of the reports that
# `table.py` and docs/models.md name.
_REFUSALS: tuple[tuple[str, str], ...] = (
    (r"use '?max_completion_tokens|(?<![a-z_])max_tokens.{0,80}(?:UNKNOWN)", "max_completion_tokens"),
    (
        r"max_completion_tokens.{0,120}(?:UNKNOWN)|(?:UNKNOWN).{0,120}max_completion_tokens",
        "max_tokens",
    ),
    (r"developer", "developer_as_system"),
    (
        (
            r"invalid type: sequence, expected a string|content.{0,60}(?:must|should|expected).{0,30}string"
            r"|(?:should be a valid|expected a|must be a) string.{0,80}content"
        ),
        "text_as_string",
    ),
    (r"json_schema|structured output", "json_mode"),
    (r"response_format|json_schema|json_object|json mode", "no_response_format"),
    (r"tool_choice", "free_tool_choice"),
    (
        r"missing.{0,20}reasoning_content|reasoning_content.{0,60}(?:is missing|must be passed back)",
        "thoughts_back",
    ),
    (r"(?:reasoning_content|'reasoning'|reasoning_details).{0,120}(?:UNKNOWN)", "no_thoughts"),
    (r"(?:UNKNOWN).{0,120}reasoning_content", "no_thoughts"),
    (r"tool.?call.?id.{0,80}(?:length|a-z|characters|9)", "short_tool_ids"),
    *(
        (
            rf"['\"`.]{key}(?![a-z_]).{{0,120}}(?:UNKNOWN)|(?:UNKNOWN).{{0,120}}['\"`.]{key}(?![a-z_])",
            f"without {key}",
        )
        for key in OPTIONAL_KEYS
    ),
)
_PATTERNS = tuple(
    (re.compile(pattern.replace("UNKNOWN", _UNKNOWN), re.DOTALL), name) for pattern, name in _REFUSALS
)
_KEEP = ("must be passed back", "missing reasoning")  # the thoughts are wanted, not refused
_OPPOSITE = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
    "thoughts_back": "no_thoughts",
}


class Learned:
    """The forms of one endpoint. Starts with those of its dialect."""

    def __init__(self, needed: Iterable[str]) -> None:
        self._active = set(needed)
        self._by_refusal: set[str] = set()

    def applied(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The request in the form that the endpoint takes."""
        for name, form in FORMS.items():
            if name in self._active:
                request = form(request)
        return dict(request)

    def learn(self, said: str, sent: Mapping[str, Any]) -> str | None:
        """The form that a refusal of `sent` asks for, used from now on; None if the words mean nothing of the kind.

        A form is learnt once: if the server refuses that too, the refusal is the caller's.
        """
        words = said.lower()
        for pattern, name in _PATTERNS:
            if name in self._by_refusal or not pattern.search(words) or _is_wanted(name, words):
                continue
            if FORMS[name](sent) is sent:
                continue
            self._by_refusal.add(name)
            self._active.discard(_OPPOSITE.get(name, ""))
            self._active.add(name)
            return name
        return None


def _is_wanted(name: str, words: str) -> bool:
    return name == "no_thoughts" and any(word in words for word in _KEEP)
