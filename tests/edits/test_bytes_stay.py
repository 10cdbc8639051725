"""A patch changes the lines that it names, and no other byte of the file."""

from __future__ import annotations

import pytest

from cascade.patches import apply_patch

HUNK = "@@ -9,2 +9,2 @@\n def b(x):\n-    return x + 1\n+    return x + 2\n"
HEAD = "--- a/m.py\n+++ b/m.py\n"


@pytest.mark.parametrize(
    "source",
    [
        'S = "a\u2028b"\ndef b(x):\n    return x + 1\n',
        'S = "a\x85b"\ndef b(x):\n    return x + 1\n',
        "A = 1\n\x0c\ndef b(x):\n    return x + 1\n",
        "A = 1\r\ndef b(x):\r\n    return x + 1\r\n",
        "def b(x):\n    return x + 1\nA = 1",
        "A = 1\ndef b(x):\n    return x + 1",
        "\ufeffdef b(x):\n    return x + 1\n",
        "# caf\udce9\ndef b(x):\n    return x + 1\n",
        "A = 1  \n\ndef b(x):  \n    return x + 1\n",
    ],
    ids=["U+2028", "U+0085", "form feed", "CRLF", "open above", "open", "BOM", "latin-1", "blanks at ends"],
)
def test_only_the_named_line_changes(source: str) -> None:
    assert apply_patch(HEAD + HUNK, {"m.py": source}) == {"m.py": source.replace("x + 1", "x + 2")}


def test_a_patch_in_crlf_changes_a_file_in_lf_and_leaves_it_in_lf() -> None:
    patch = (HEAD + HUNK).replace("\n", "\r\n")
    assert apply_patch(patch, {"m.py": "def b(x):\n    return x + 1\n"}) == {
        "m.py": "def b(x):\n    return x + 2\n"
    }


def test_lines_that_come_into_a_crlf_file_end_as_its_own_do() -> None:
    patch = f"{HEAD}@@ -1 +1,2 @@\n a = 1\n+b = 2\n"
    assert apply_patch(patch, {"m.py": "a = 1\r\nc = 3\r\n"}) == {"m.py": "a = 1\r\nb = 2\r\nc = 3\r\n"}


def test_a_missing_last_line_feed_goes_and_comes_as_the_patch_says() -> None:
    marker = "\\ No newline at end of file\n"
    gone = f"{HEAD}@@ -1 +1 @@\n-a\n+b\n{marker}"
    come = f"{HEAD}@@ -1 +1 @@\n-a\n{marker}+b\n"
    assert apply_patch(gone, {"m.py": "a\n"}) == {"m.py": "b"}
    assert apply_patch(come, {"m.py": "a"}) == {"m.py": "b\n"}
    grown = f"{HEAD}@@ -1 +1,2 @@\n a\n+b\n"
    assert apply_patch(grown, {"m.py": "a"}) == {"m.py": "a\nb"}
