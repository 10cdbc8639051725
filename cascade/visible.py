"""Text that a person is shown: what would drive a terminal, or hide how it reads, is written out."""

from __future__ import annotations

import re

# Control characters (C0 but tab and line feed, DEL, C1), marks that change the direction of what is read
# (Trojan Source, CVE-2021-42574), separators that some terminals take for line ends, and halves of a surrogate pair.
_DRIVES = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def visible(text: str) -> str:
    """The text with such characters as escapes (`\\x1b`, `\\u202e`); `\\r\\n` becomes a plain line end."""
    return _DRIVES.sub(_written_out, text.replace("\r\n", "\n"))


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
