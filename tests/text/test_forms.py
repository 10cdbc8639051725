"""The forms in which models hand over files, and what is fed back where a form is at fault."""

from __future__ import annotations

import pytest

from cascade.extraction import Extraction, extract
from cascade.types import Task

F = "```"
GOOD = "def add(a, b):\n    return a + b\n"
BAD = "def add(a, b):\n    return a - b\n"
BLOCK = f"{F}python\n{GOOD}{F}\n"


def read(text: str, **task: object) -> Extraction:
    return extract(text, task=Task(prompt="p", **task))  # type: ignore[arg-type]


def codes(text: str, **task: object) -> list[str]:
    return [found.code for found in read(text, **task).diagnostics]


NAMED = [
    f"### `src/a.py`\n\n{BLOCK}",
    f"## 1. src/a.py (new)\n{BLOCK}",
    f"### `src/a.py`\n\nIt adds two numbers.\n\n{BLOCK}",
    f"**File: src/a.py**\n{BLOCK}",
    f"- `src/a.py`:\n{BLOCK}".replace("\n", "\n  "),
    f"- `src/a.py`:\n  {BLOCK}".replace("\n", "\n  "),
    f"1. **src/a.py**\n\n{BLOCK}".replace("\n", "\n   "),
    f"[src/a.py](src/a.py)\n{BLOCK}",
    f"Here is the updated `src/a.py`:\n{BLOCK}",
    f"Create a file named src/a.py with the following content:\n\n{BLOCK}",
    f"src/a.py\n{F}\n{GOOD}{F}\n",
    f'{F}python title="src/a.py"\n{GOOD}{F}\n',
    f"{F}python {{filename=src/a.py}}\n{GOOD}{F}\n",
    f"{F}python:src/a.py\n{GOOD}{F}\n",
    f"Write `src/a.py`: {F}python\n{GOOD}{F}\n",
    f"> `src/a.py`\n> {BLOCK}".replace("\n", "\n> "),
]


@pytest.mark.parametrize("text", NAMED)
def test_a_path_is_read_wherever_it_stands_with_a_block(text: str) -> None:
    found = read(text)
    assert found.candidate.files == {"src/a.py": GOOD}


@pytest.mark.parametrize(
    "lead",
    [
        "Node.js",
        "## Vue.js",
        "Reads\n\n`data.json`:",
        "This calls os.path:",
        "As in e.g. numpy.linalg:",
        "It is and/or:",
    ],
)
def test_a_name_that_is_no_file_of_the_block_is_no_path(lead: str) -> None:
    assert read(f"{lead}\n{BLOCK}", target="add.py").candidate.files == {"add.py": GOOD}


def test_a_path_with_fewer_or_more_folders_is_the_target() -> None:
    for path in ("util.py", "project/pkg/util.py", "/work/pkg/util.py"):
        assert read(f"{F}python {path}\n{GOOD}{F}\n", target="pkg/util.py").candidate.files == {
            "pkg/util.py": GOOD
        }


CHOSEN = {
    "usage": f"{BLOCK}\nUsage:\n{F}python\nfrom solution import add\n\nprint(add(1, 2), add(3, 4))\n{F}\n",
    "usage without import": f"{BLOCK}\n{F}python\nresult = add(1, 2)\nprint(result, result, result)\n{F}\n",
    "tests": f"{BLOCK}\n{F}python\ndef test_add():\n    assert add(1, 2) == 3\n{F}\n",
    "tests first": f"{F}python\ndef test_add():\n    assert add(1, 2) == 3\n{F}\n{BLOCK}",
    "draft": f"{F}python\ndef add(a, b):\n    # longer\n    return a - b\n{F}\nNo:\n{BLOCK}",
    "draft with a helper": f"{F}python\ndef sub(a):\n    return a\n\ndef add(a, b):\n    return sub(a)\n{F}\n{BLOCK}",
    "quoted after": f"{BLOCK}\nThe original code was:\n{F}python\n{BAD}{F}\n",
    "broken draft": f"{BLOCK}\n{F}python\ndef add(a, b:\n{F}\n",
    "left out": f"{BLOCK}\n{F}python\ndef add(a, b):\n    # ... existing code ...\n    return 0\n{F}\n",
    "empty": f"{BLOCK}\n{F}python\n{F}\n",
    "another language": f"{BLOCK}\n{F}bash\npython -m pytest --this-is-a-long-line --and-longer\n{F}\n",
    "glued closing": f"{F}python\n{GOOD.rstrip()}{F}\n",
    "tildes": f"~~~python\n{GOOD}~~~\n",
    "byte order mark": f"\ufeff{BLOCK}",
    "CRLF": BLOCK.replace("\n", "\r\n"),
}


@pytest.mark.parametrize("text", CHOSEN.values(), ids=CHOSEN)
def test_the_last_complete_version_is_the_answer(text: str) -> None:
    assert read(text, target="solution.py").candidate.files == {"solution.py": GOOD}


def test_an_excerpt_after_the_whole_file_does_not_replace_it() -> None:
    whole = f"{GOOD}\n\ndef sub(a, b):\n    return a - b\n"
    text = f"{F}python\n{whole}{F}\nThe point is:\n{BLOCK}"
    assert read(text, target="solution.py").candidate.files == {"solution.py": whole}


def test_versions_of_the_same_path_are_chosen_among_too() -> None:
    text = f"{F}python a.py\n{BAD}{F}\nBetter:\n{F}python a.py\n{GOOD}{F}\n"
    assert read(text).candidate.files == {"a.py": GOOD}


def test_a_block_that_quotes_the_file_as_it_stands_is_no_answer() -> None:
    text = f"{F}python\n{GOOD}{F}\n\n{F}python\n{BAD}{F}\n"
    assert read(text, files={"a.py": BAD}).candidate.files == {"a.py": GOOD}


def test_other_languages_take_the_last_version_that_defines_as_much() -> None:
    draft = f"{F}js\nfunction add(a, b) {{\n  // longer\n  return a - b\n}}\n{F}\n"
    final = "function add(a, b) { return a + b }\n"
    text = f"{draft}\n{F}js\n{final}{F}\nRun:\n{F}js\nconsole.log(add(1, 2), add(3, 4), add(5, 6))\n{F}\n"
    assert read(text, target="add.js").candidate.files == {"add.js": final}


def test_a_loose_block_goes_to_the_target_beside_files_with_paths_and_nowhere_without_one() -> None:
    text = f"{F}python helper.py\nX = 1\n{F}\n\n{BLOCK}"
    assert read(text, target="add.py").candidate.files == {"helper.py": "X = 1\n", "add.py": GOOD}
    assert read(text).candidate.files == {"helper.py": "X = 1\n"}


README = f"# X\n\n{F}bash\npip install x\n{F}\n\n## License\n\nMIT\n"
INNER = {
    "a fence with a language": README,
    "bare fences": f"# T\n{F}\nfoo\n{F}\n## License\n",
    "several": f"{README}\n{F}py\nx\n{F}\n",
}


@pytest.mark.parametrize("text", INNER.values(), ids=INNER)
def test_fences_within_a_markdown_file_belong_to_it(text: str) -> None:
    assert read(f"{F}markdown README.md\n{text}{F}\n").candidate.files == {"README.md": text}
    assert read(f"{F}`markdown README.md\n{text}{F}`\n").candidate.files == {"README.md": text}


def test_a_markdown_file_ends_where_its_fence_does() -> None:
    text = f"{F}markdown README.md\n# T\n{F}\n\nThen run:\n\n{F}\nout\n{F}\n"
    assert read(text).candidate.files == {"README.md": "# T\n"}


def test_a_fence_within_a_string_of_python_belongs_to_it() -> None:
    for inner in (f"{F}bash\nadd 1 2\n{F}", f"{F}\nadd 1 2\n{F}"):
        code = f'{GOOD}\n\nHELP = """\n{inner}\n"""\n'
        assert read(f"{F}python a.py\n{code}{F}\n\nDone.\n").candidate.files == {"a.py": code}


def test_blocks_that_are_glued_together_are_two() -> None:
    text = f"{F}python a.py\n{GOOD}{F}{F}python b.py\n{BAD}{F}\n"
    assert read(text).candidate.files == {"a.py": GOOD, "b.py": BAD}


def test_code_in_a_line_of_prose_opens_no_block() -> None:
    assert read(f"Use {F}x{F} or {F} here.\n\n{BLOCK}", target="a.py").candidate.files == {"a.py": GOOD}


def test_a_python_file_that_holds_a_diff_in_a_string_is_no_diff() -> None:
    code = 'D = """\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"""\n'
    assert read(f"{F}python test_x.py\n{code}{F}\n").candidate.files == {"test_x.py": code}


FAULTS = {
    "another name": (f"{F}python sum.py\n{GOOD}{F}\n", "extract.target"),
    "empty": (f"{F}python\n\n{F}\n", "extract.empty"),
    "left out": (f"{F}python\nimport os\n# rest of the code remains the same\n{F}\n", "extract.elided"),
    "thoughts only": (f"<think>{BLOCK}", "extract.blank"),
    "version control": (f"{F}sh .git/hooks/pre-commit\nx\n{F}\n", "extract.unsafe-path"),
}


@pytest.mark.parametrize(("text", "code"), FAULTS.values(), ids=FAULTS)
def test_a_fault_of_form_is_fed_back_and_nothing_is_proposed(text: str, code: str) -> None:
    found = read(text, target="add.py", validators=())
    assert [each.code for each in found.diagnostics] == [code]
    assert not found.candidate.files
    assert not found.candidate.deleted


def test_a_target_that_exists_may_stay_where_other_files_that_exist_change() -> None:
    files = {"a.py": GOOD, "b.py": BAD}
    assert codes(f"{F}python b.py\n{GOOD}{F}\n", target="a.py", files=files) == []
    assert codes(f"{F}python c.py\n{GOOD}{F}\n", target="a.py", files=files) == ["extract.target"]


def test_files_that_are_empty_by_custom_may_be_empty() -> None:
    text = f"{F}python pkg/__init__.py\n{F}\n{F}python pkg/a.py\n{GOOD}{F}\n"
    assert read(text).candidate.files == {"pkg/__init__.py": "", "pkg/a.py": GOOD}


LEFT_OUT = [
    "# ...", "# ... existing code ...", "# rest unchanged", "# (unchanged)", "# Other methods remain unchanged",
    "# The rest of your code goes here", "# rest of the code remains the same", "# previous code here", "# snip",
    "# keep the existing methods", "# … the rest …", "# Same as before", "# [existing imports]",
]  # fmt: skip
KEPT = [
    "# the value stays unchanged here", "# same as max(a, b)", "# other cases", "# 1...n", "# the rest is noise",
    "# Return the original code", "# keep the rest", "# remaining tokens", 'X = "# ..."',
    "# this is the hardest part...",
    "# class Other: ...",
    "# Test that the file is written...", "# the same function as above but faster", "...", "# Remainder",
]  # fmt: skip


@pytest.mark.parametrize("line", LEFT_OUT)
def test_a_comment_that_stands_for_code_is_a_fault_at_its_line(line: str) -> None:
    (found,) = read(f"{F}python\n{GOOD}{line}\n{F}\n", target="a.py").diagnostics
    assert (found.code, found.path, found.line, found.source) == ("extract.elided", "a.py", 3, line)
    original = {"a.py": f"{BAD}{line}\n"}
    assert codes(f"{F}python\n{GOOD}{line}\n{F}\n", files=original) == [], "the file has it itself"


@pytest.mark.parametrize("line", KEPT)
def test_other_comments_are_code(line: str) -> None:
    assert codes(f"{F}python\n{GOOD}{line}\n{F}\n", target="a.py") == []


def test_left_out_code_is_seen_in_other_languages() -> None:
    for language, path, line in (
        ("js", "a.js", "// ... rest of the file"),
        ("html", "a.html", "<!-- ... existing content ... -->"),
        ("tsx", "a.tsx", "{/* ... existing code ... */}"),
        ("css", "a.css", "/* ... other rules ... */"),
        ("sql", "a.sql", "-- ... existing tables"),
    ):
        assert codes(f"{F}{language} {path}\nx\n{line}\n{F}\n") == ["extract.elided"], path


def test_a_whole_file_keeps_the_line_ends_and_the_byte_order_mark_of_the_one_it_replaces() -> None:
    assert read(BLOCK, files={"a.py": BAD.replace("\n", "\r\n")}).candidate.files == {
        "a.py": GOOD.replace("\n", "\r\n")
    }
    assert read(BLOCK, files={"a.py": f"\ufeff{BAD}"}).candidate.files == {"a.py": f"\ufeff{GOOD}"}
