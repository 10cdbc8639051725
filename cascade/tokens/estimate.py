"""About how many tokens a text has, from its characters alone."""

from __future__ import annotations

import math

CHARS_PER_TOKEN = 3.0  # code runs at 3 to 4 characters a token; the low end errs to the expensive side


def estimate_tokens(text: str) -> int:
    """About how many tokens `text` is, rather too many than too few.

    Characters outside ASCII count as one token each.
    """
    wide = sum(character > "\x7f" for character in text) if not text.isascii() else 0
    return math.ceil((len(text) - wide) / CHARS_PER_TOKEN) + wide
