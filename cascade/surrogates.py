"""Halves of UTF-16 pairs in texts: joined where both are there, else replaced, since no file or socket takes them."""

from __future__ import annotations

import re

REPLACEMENT = "\ufffd"
_HALF = re.compile("[\ud800-\udfff]")


def well_formed(text: str) -> str:
    """`text` as it can be written: pairs of halves are joined, single halves replaced by U+FFFD."""
    if text.isascii() or _HALF.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class HalfJoiner:
    """Makes a text well formed that comes in parts: the first half of a pair waits for the second."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, part: str) -> str:
        """As much of the text as is certain now."""
        text, self._held = self._held + part, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._held = text[:-1], text[-1]
        return well_formed(text)

    def end(self) -> str:
        """What was still waiting, replaced."""
        held, self._held = self._held, ""
        return REPLACEMENT if held else ""
