"""A fault in a trace, with its line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A fault found at a line (from 1; 0: the file as a whole)."""

    line: int
    message: str
