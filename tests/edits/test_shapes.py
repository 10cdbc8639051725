"""Edits of every shape that models write are applied to the files of the task, whole or not at all."""

from __future__ import annotations

import pytest

from cascade.extraction import Extraction, extract
from cascade.patches import PatchError, apply_patch, edit
from cascade.types import Task

F = "```"
OLD, NEW = "def add(a, b):\n    return a - b\n", "def add(a, b):\n    return a + b\n"
BODY = " def add(a, b):\n-    return a - b\n+    return a + b\n"
NAMES = "--- a/add.py\n+++ b/add.py\n"
HUNK = f"@@ -1,2 +1,2 @@\n{BODY}"
FILES = {"add.py": OLD, "other.py": "x = 1\n"}


def read(text: str, files: dict[str, str] = FILES) -> Extraction:
    return extract(text, task=Task(prompt="p", files=files))


def searched(path: str, search: str, replace: str) -> str:
    return f"{path}\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


FIX = "    return a - b\n", "    return a + b\n"
SHAPES = {
    "unified": f"{F}diff\n{NAMES}{HUNK}{F}",
    "no fence, prose around": f"Here it is:\n\n{NAMES}{HUNK}\nIt adds now.\n- no more\n",
    "git": f"diff --git a/add.py b/add.py\nindex 1..2 100644\n{NAMES}{HUNK}",
    "no prefixes": f"{F}diff\n--- add.py\n+++ add.py\n{HUNK}{F}",
    "time stamps": f"{F}\n--- add.py\t2024-01-01 10:00:00\n+++ add.py\t2024-01-01 10:00:00\n{HUNK}{F}",
    "saved original": f"{F}diff\n--- add.py.orig\n+++ add.py\n{HUNK}{F}",
    "counts too small": f"{F}diff\n{NAMES}@@ -1,1 +1,1 @@\n{BODY}{F}",
    "counts too large": f"{F}diff\n{NAMES}@@ -1,9 +1,9 @@\n{BODY}{F}",
    "wrong line": f"{F}diff\n{NAMES}@@ -70,2 +70,2 @@\n{BODY}{F}",
    "no numbers": f"{F}diff\n{NAMES}@@ ... @@\n{BODY}{F}",
    "no hunk header": f"{F}diff\n{NAMES}{BODY}{F}",
    "no file header": f"`add.py`:\n{F}diff\n{HUNK}{F}",
    "nothing but signs": f"In `add.py`:\n{F}diff\n- return a - b\n+ return a + b\n{F}",
    "lost blanks": f"{F}diff\n{NAMES}{HUNK.replace(' def', 'def')}{F}",
    "labelled python": f"{F}python\n{NAMES}{HUNK}{F}",
    "CRLF": f"{F}diff\n{NAMES}{HUNK}{F}".replace("\n", "\r\n"),
    "mail": f"{NAMES}{HUNK}-- \n2.40.0\n",
    "twice the same": f"{F}diff\n{NAMES}{HUNK}{F}\nAgain:\n{F}diff\n{NAMES}{HUNK}{F}",
    "begin patch": f"*** Begin Patch\n*** Update File: add.py\n@@ def add(a, b):\n{BODY}*** End Patch",
    "begin patch in a fence": f"{F}\n*** Begin Patch\n*** Update File: add.py\n@@\n{BODY}*** End Patch\n{F}\n",
    "search, path above": searched("add.py", *FIX),
    "search, path above the fence": f"add.py\n{F}python\n{searched('', *FIX)}{F}\n",
    "search, path in the fence": f"{F}python\n{searched('add.py', *FIX)}{F}\n",
    "search, path in the info": f"{F}python add.py\n{searched('', *FIX)}{F}\n",
    "search, path as heading": f"### `add.py`\n\n{F}\n{searched('', *FIX)}{F}\n",
    "search, path beside": searched("", *FIX).replace("SEARCH", "SEARCH add.py"),
    "search, less indented": searched("add.py", "return a - b\n", "return a + b\n"),
    "search, other marks": searched("add.py", *FIX)
    .replace("<<<<<<<", "-------")
    .replace(">>>>>>>", "+++++++"),
    "whole file": f"{F}python add.py\n{NEW}{F}",
    "whole file after a diff": f"{F}diff\n{NAMES}@@ -1 +1 @@\n-n\n+y\n{F}\nIn full:\n{F}python add.py\n{NEW}{F}",
}


@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES)
def test_each_shape_makes_the_same_file(text: str) -> None:
    found = read(text)
    assert found.diagnostics == ()
    assert found.candidate.files == {"add.py": NEW}


def test_a_prefix_is_no_folder_where_the_file_is_missing() -> None:
    assert not read(f"{F}diff\n{NAMES}{HUNK}{F}", {"b/add.py": OLD}).candidate.files
    assert read(f"{F}diff\n--- b/add.py\n+++ b/add.py\n{HUNK}{F}", {"b/add.py": OLD}).candidate.files == {
        "b/add.py": NEW
    }


def test_one_answer_may_edit_make_delete_rename_and_set_modes() -> None:
    text = (
        f"{F}diff\ndiff --git a/add.py b/add.py\n{NAMES}{HUNK}"
        "diff --git a/new.sh b/new.sh\nnew file mode 100755\n--- /dev/null\n+++ b/new.sh\n@@ -0,0 +1 @@\n+echo\n"
        "diff --git a/gone.py b/gone.py\ndeleted file mode 100644\n"
        "--- a/gone.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-y = 1\n"
        "diff --git a/old.py b/moved.py\nsimilarity index 100%\nrename from old.py\nrename to moved.py\n"
        f"diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n{F}\n"
    )
    files = {"add.py": OLD, "gone.py": "y = 1\n", "old.py": "z = 1\n", "run.sh": "r\n"}
    found = read(text, files).candidate
    assert found.files == {"add.py": NEW, "new.sh": "echo\n", "moved.py": "z = 1\n", "run.sh": "r\n"}
    assert found.deleted == ("gone.py", "old.py")
    assert found.modes == {"new.sh": "100755", "run.sh": "100755"}


def test_the_other_patch_form_makes_deletes_and_moves_too() -> None:
    text = (
        f"*** Begin Patch\n*** Add File: new.py\n+n = 1\n+\n+m = 2\n*** Delete File: other.py\n"
        f"*** Update File: add.py\n*** Move to: plus.py\n@@\n{BODY}*** End Patch"
    )
    found = read(text).candidate
    assert found.files == {"new.py": "n = 1\n\nm = 2\n", "plus.py": NEW}
    assert sorted(found.deleted) == ["add.py", "other.py"]


def test_an_empty_search_makes_a_new_file_and_several_blocks_share_a_path() -> None:
    text = searched("new.py", "", "n = 1\n") + searched("add.py", "def add(a, b):\n", "def add(a, b=0):\n")
    text += searched("", *FIX)
    found = read(text).candidate
    assert found.files == {"new.py": "n = 1\n", "add.py": NEW.replace("b)", "b=0)", 1)}


def test_a_diff_of_a_markdown_file_holds_fences_as_context() -> None:
    text = f"{F}diff\n--- a/R.md\n+++ b/R.md\n@@ -1,4 +1,4 @@\n # X\n {F}bash\n-a\n+b\n {F}\n{F}\n"
    assert read(text, {"R.md": f"# X\n{F}bash\na\n{F}\n"}).candidate.files == {
        "R.md": f"# X\n{F}bash\nb\n{F}\n"
    }


THREE = "def a():\n    return 1\n\n\ndef b():\n    return 1\n\n\ndef c():\n    return 1\n"
SAME = "-    return 1\n+    return 2\n"


@pytest.mark.parametrize(("line", "changed"), [(2, 0), (6, 1), (10, 2)])
def test_of_equal_places_the_one_that_the_header_names_is_taken(line: int, changed: int) -> None:
    heads = THREE.split("    return 1\n")
    wanted = "".join(
        head + ("" if at == 3 else "    return 2\n" if at == changed else "    return 1\n")
        for at, head in enumerate(heads)
    )
    assert apply_patch(f"--- a/m.py\n+++ b/m.py\n@@ -{line} +{line} @@\n{SAME}", {"m.py": THREE}) == {
        "m.py": wanted
    }


def test_hunks_before_move_the_line_that_a_header_names() -> None:
    patch = f"--- a/m.py\n+++ b/m.py\n@@ -1,2 +1,4 @@\n+import os\n+\n def a():\n     return 1\n@@ -6 +8 @@\n{SAME}"
    changed = apply_patch(patch, {"m.py": THREE})["m.py"]
    assert changed == "import os\n\n" + THREE.replace("def b():\n    return 1", "def b():\n    return 2")


def test_a_file_that_moved_since_the_diff_was_made_moves_all_its_hunks() -> None:
    patch = (
        f"--- a/m.py\n+++ b/m.py\n@@ -1,2 +1,2 @@\n-def a():\n+def z():\n     return 1\n@@ -6 +6 @@\n{SAME}"
    )
    shifted = "# one\n# two\n# three\n" + THREE
    changed = apply_patch(patch, {"m.py": shifted})["m.py"]
    assert changed == shifted.replace("def a", "def z").replace(
        "def b():\n    return 1", "def b():\n    return 2"
    )


def test_the_heading_of_a_hunk_tells_equal_places_apart() -> None:
    for patch in (
        f"--- a/m.py\n+++ b/m.py\n@@ -90 +90 @@ def b():\n{SAME}",
        f"*** Begin Patch\n*** Update File: m.py\n@@ def b():\n{SAME}*** End Patch\n",
    ):
        assert apply_patch(patch, {"m.py": THREE})["m.py"] == THREE.replace(
            "def b():\n    return 1", "def b():\n    return 2"
        )


def test_lines_without_context_go_where_the_header_says() -> None:
    patch = "--- a/m.py\n+++ b/m.py\n@@ -4,0 +5 @@\n+# here\n"
    assert apply_patch(patch, {"m.py": THREE})["m.py"] == THREE.replace("\n\n\ndef b", "\n\n\n# here\ndef b")


def fault(text: str, files: dict[str, str]) -> PatchError:
    edited = edit(text, files)
    assert (edited.files, edited.deleted) == ({}, ())
    return edited.errors[0]


def test_an_ambiguous_hunk_names_its_places() -> None:
    error = fault(f"--- a/m.py\n+++ b/m.py\n@@ -90 +90 @@\n{SAME}", {"m.py": THREE})
    assert (error.path, error.line, error.source) == ("m.py", 2, "    return 1")
    assert "Hunk 1 (@@ -90 +90 @@) fits m.py at 3 places (lines 2, 6, 10)" in str(error)


def test_a_hunk_that_does_not_fit_says_what_stands_there() -> None:
    patch = "--- a/m.py\n+++ b/m.py\n@@ -5,2 +5,2 @@\n def b():\n-    return 7\n+    return 2\n"
    error = fault(patch, {"m.py": THREE})
    assert (error.path, error.line, error.source) == ("m.py", 5, "    return 7")
    assert "    5| def b():\n    6|     return 1" in str(error)


def test_every_hunk_that_does_not_fit_is_named_and_nothing_is_applied() -> None:
    text = (
        searched("add.py", *FIX)
        + searched("other.py", "no\n", "yes\n")
        + searched("gone.py", "no\n", "yes\n")
    )
    found = read(text)
    assert [each.path for each in found.diagnostics] == ["other.py", "gone.py"]
    assert "block 2" in found.diagnostics[0].message
    assert not found.candidate.files


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{F}diff\n--- a/ad.py\n+++ b/ad.py\n{HUNK}{F}", "Did you mean add.py?"),
        (f"{F}diff\n--- a/add.py\n+++ b/other.py\n{HUNK}{F}", "which both exist"),
        (f"{F}diff\n{HUNK}{F}", "names no file"),
        (searched("", *FIX), "names no file"),
        ("add.py\n<<<<<<< SEARCH\n    return a - b\n", "is not complete"),
        (searched("other.py", "", "y = 1\n"), "only adds lines"),
        (f"{F}diff\n{NAMES}@@ -2,2 +2,3 @@\n+import os\n{F}", "only adds lines"),
        ("diff --git a/i.png b/i.png\nindex 1..2 100644\nGIT binary patch\nliteral 1\nI\n", "is binary"),
    ],
)
def test_what_cannot_be_applied_says_why(text: str, says: str) -> None:
    (found,) = read(text).diagnostics
    assert found.code == "extract.patch"
    assert says in found.message
    assert len(found.message) < 600, "feedback would clip it"


def test_another_indentation_is_taken_only_where_it_is_the_same_for_all_lines() -> None:
    source = "class A:\n    def f(self):\n        return 1\n"
    good = searched("m.py", "def f(self):\n    return 1\n", "def f(self):\n    x = 2\n    return x\n")
    assert read(good, {"m.py": source}).candidate.files["m.py"] == (
        "class A:\n    def f(self):\n        x = 2\n        return x\n"
    )
    bad = searched("m.py", "def f(self):\nreturn 1\n", "def f(self):\nreturn 2\n")
    assert read(bad, {"m.py": source}).diagnostics


def test_blank_lines_that_a_fence_added_are_no_part_of_a_hunk() -> None:
    assert read(f"{F}diff\n{NAMES}@@ -1,9 +1,9 @@\n{BODY}\n \n\n{F}").candidate.files == {"add.py": NEW}
