"""What `write_patch` writes, git applies: any tree becomes any other, byte for byte, and so by our own reader."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cascade.edits.write import Version, write_patch
from cascade.patches import edit

Tree = Mapping[str, Version]
GIT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "PATH": os.environ["PATH"]}

LINES = st.sampled_from(
    ["a\n", "b\n", "\n", "def f():\n", "a\r\n", "x\u2028y\n", "\x0c\n", "a\rb\n", "-- x\n", "++ y\n", "@@ -1 +1 @@\n",
     "é\n", "\ufeffz\n", "\\ No newline at end of file\n", " c\n", "\t\n", "diff --git a/a.py b/a.py\n", "```\n"]
)  # fmt: skip
TEXTS = st.builds(
    lambda lines, cut: "".join(lines).removesuffix("\n") if cut else "".join(lines),
    st.lists(LINES, max_size=24),
    st.booleans(),
)
ANY_TEXTS = st.one_of(TEXTS, TEXTS, TEXTS, st.sampled_from(["\udce9t\udce9\n", "nul\0\n", "\udcff" * 200]))
PATHS = st.sampled_from(
    [
        "a.py",
        "b.py",
        "pkg/c.py",
        "pkg/sub/d.py",
        "my file.py",
        "é.py",
        'quo"te.py',
        "back\\slash",
        "tab\there",
        "b/a.py",
        "-x",
    ]
)
PLAIN = PATHS.filter(lambda path: "\\" not in path)  # models write it for a slash
TREES = st.dictionaries(
    PATHS, st.builds(Version, ANY_TEXTS, st.sampled_from(["100644", "100644", "100755"])), max_size=5
)


def git_applied(before: Tree, patch: str) -> dict[str, tuple[bytes, bool]]:
    with tempfile.TemporaryDirectory() as folder:
        for path, version in before.items():
            place = Path(folder, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(version.raw)
            place.chmod(0o755 if version.mode == "100755" else 0o644)
        done = subprocess.run(
            ["git", "apply", "--whitespace=nowarn", "-"],
            cwd=folder,
            input=patch.encode(),
            env=GIT,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, f"{done.stderr.decode()}\n{patch}"
        return {
            path.relative_to(folder).as_posix(): (path.read_bytes(), bool(path.stat().st_mode & 0o100))
            for path in Path(folder).rglob("*")
            if path.is_file()
        }


@settings(max_examples=60, deadline=None)
@given(TREES, TREES)
@example({"a.py": Version("x\n" * 9)}, {"b.py": Version("x\n" * 9 + "y")})
@example({"a.py": Version("")}, {"b.py": Version("", "100755")})
def test_git_makes_the_other_tree(before: Tree, after: Tree) -> None:
    patch = write_patch(before, after)
    if not patch:
        assert before == after
        return
    assert git_applied(before, patch) == {
        path: (version.raw, version.mode == "100755") for path, version in after.items()
    }


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(PLAIN, TEXTS, max_size=4), st.dictionaries(PLAIN, TEXTS, max_size=4))
@example({"b/a.py": ""}, {"a.py": ""})
@example({"b/a.py": "a\n"}, {"b.py": "", "a.py": "b\n"})
def test_our_own_reader_makes_the_other_tree(before: dict[str, str], after: dict[str, str]) -> None:
    edited = edit(
        write_patch(
            {path: Version(text) for path, text in before.items()},
            {path: Version(text) for path, text in after.items()},
        ),
        before,
    )
    assert edited.errors == ()
    result = {path: text for path, text in before.items() if path not in edited.deleted} | dict(edited.files)
    assert result == after


@pytest.mark.parametrize("size", [30_000])
def test_a_long_file_is_compared_in_time(size: int) -> None:
    lines = [f"line {number}\n" if number % 3 else "\n" for number in range(size)]
    changed = [*lines[:10], "new\n", *lines[11:-10], "end\n", *lines[-10:]]
    patch = write_patch({"a.txt": Version("".join(lines))}, {"a.txt": Version("".join(changed))})
    assert patch.count("\n") < 40
