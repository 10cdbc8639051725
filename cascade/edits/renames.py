"""Which deleted files live on under another name: by how many lines they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

LEAST = 0.5
"""Share of lines that two files have in common at least."""
MOST_PAIRS = 2_500
"""Pairs that are compared; with more, only files that are the same to the letter count as renamed."""


def renamed(gone: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """The new path of each deleted one that was renamed: texts by path. The most similar pairs come first."""
    is_many = len(gone) * len(new) > MOST_PAIRS
    pairs = []
    for old_path, old_text in sorted(gone.items()):
        for new_path, new_text in sorted(new.items()):
            share = float(old_text == new_text) if is_many else _share(old_text, new_text)
            if share >= LEAST and old_text:
                pairs.append((-share, old_path, new_path))
    moves: dict[str, str] = {}
    for _, old_path, new_path in sorted(pairs):
        if old_path not in moves and new_path not in moves.values():
            moves[old_path] = new_path
    return moves


def _share(old: str, new: str) -> float:
    if old == new:
        return 1.0
    a, b = Counter(old.split("\n")), Counter(new.split("\n"))
    return 2 * (a & b).total() / (a.total() + b.total())
