"""Lines as an edit sees them: only a line feed ends one, and each keeps its end.

U+2028, form feeds and lone carriage returns are text.
"""

from __future__ import annotations

from collections.abc import Iterable


def split_lines(text: str) -> list[str]:
    """The lines with their ends; only the last may have none."""
    *whole, last = text.split("\n")
    lines = [f"{line}\n" for line in whole]
    return [*lines, last] if last else lines


def bare(line: str) -> str:
    """The line without its line feed."""
    return line.removesuffix("\n")


def line_end(lines: Iterable[str]) -> str:
    """The line end that most lines have."""
    ends = [line.endswith("\r\n") for line in lines if line.endswith("\n")]
    return "\r\n" if sum(ends) * 2 > len(ends) else "\n"


def is_crlf(text: str) -> bool:
    """Whether every line of a text ends in CRLF."""
    return "\r\n" in text and text.count("\n") == text.count("\r\n")
