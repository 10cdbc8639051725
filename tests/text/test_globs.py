"""Globs of a workspace: what they name, and which texts are none."""

from __future__ import annotations

import re

import pytest

from cascade.globs import PATTERN, Globs, problem_of

TREE = [
    "a.py",
    "src/a.py",
    "src/pkg/b.py",
    "src/pkg/_vendor/c.py",
    "src/pkg/data.json",
    "docs/[x].md",
    "src/.h.py",
]

NAMED = [
    (["*.py"], "a.py"),
    (["src/**/*.py"], "src/a.py src/pkg/b.py src/pkg/_vendor/c.py src/.h.py"),
    (["**/*.py", "!src"], "a.py"),
    (["src/**/*.py", "!**/_vendor/**", "!src/.*"], "src/a.py src/pkg/b.py"),
    (["!src", "src/pkg"], "src/pkg/b.py src/pkg/_vendor/c.py src/pkg/data.json"),
    (["src/pkg/"], "src/pkg/b.py src/pkg/_vendor/c.py src/pkg/data.json"),
    (["**"], " ".join(TREE)),
    (["./src/?.py"], "src/a.py"),
    (["src/[!b-z].py"], "src/a.py"),
    (["docs/[[]x].md"], "docs/[x].md"),
    (["docs/[x.md"], ""),
    (["src/*"], "src/a.py src/pkg/b.py src/pkg/_vendor/c.py src/pkg/data.json src/.h.py"),
    ([], ""),
]


@pytest.mark.parametrize(("globs", "named"), NAMED)
def test_globs_name_files(globs: list[str], named: str) -> None:
    matcher = Globs.of(globs)
    assert " ".join(path for path in TREE if matcher.take(path)) == named


BAD = ["", "!", "/etc/*", "~/x", "C:/x", "../x", "a/../../x", "!..", "a\\b", "a\0"]


@pytest.mark.parametrize(
    "glob", [*BAD, "a", "!a", "a..b/..c", "[", "[]", "[z-a]", "a/[!]", "**", "{a,b}", " "]
)
def test_what_is_refused_the_schema_refuses_and_the_rest_compiles(glob: str) -> None:
    refused = problem_of(glob) is not None
    assert refused is (glob in BAD)
    assert refused is (re.search(PATTERN, glob) is None)
    if not refused:
        Globs.of([glob]).take("a/b")
