"""The benchmark's changes are the same for the same text, parse, and touch one function of it."""

from __future__ import annotations

import ast
import random

from benchmarks.repositories.changes import Change, breaking, harmless

TEXT = '''def share(part, whole):
    """Part of a whole."""
    if part < 0:
        return 0
    return part * 100 / whole
'''


def made(kind: str, seed: int) -> list[Change]:
    """All changes of one kind, in the order of a seed."""
    make = breaking if kind == "broken" else harmless
    return list(make("a.py", TEXT, random.Random(seed)))


def test_the_same_seed_gives_the_same_patches() -> None:
    assert made("broken", 1) == made("broken", 1)
    assert {change.what for change in made("broken", 1)} >= {"< is >=", "* is +", "returns None"}


def test_a_harmless_change_gives_the_same_results_and_a_broken_one_another() -> None:
    def result(change: Change) -> object:
        place: dict[str, object] = {}
        exec(compile(ast.parse(change.new), "a.py", "exec"), place)
        share = place["share"]
        assert callable(share)
        return share(1, 4)

    assert {result(change) for change in made("harmless", 1)} == {25.0}
    assert any(result(change) != 25.0 for change in made("broken", 1))


def test_a_patch_names_the_file_and_a_few_lines() -> None:
    patch = made("harmless", 1)[0].patch
    assert patch.startswith("--- a/a.py\n+++ b/a.py\n@@")
