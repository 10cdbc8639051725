"""What an answer's text turns into: files by path, a target, a diff, or a diagnostic; never an exception."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cascade.extraction import extract
from cascade.types import Task

CODE = "def f():\n    return 1\n"


def task(**more: object) -> Task:
    return Task(prompt="p", **{"target": "solution.py", **more})  # type: ignore[arg-type]


def codes(text: str, **more: object) -> list[str]:
    return [found.code for found in extract(text, task=task(**more)).diagnostics]


def test_a_single_block_goes_to_the_target() -> None:
    found = extract(f"Here it is:\n```python\n{CODE}```\nDone.", task=task())
    assert found.candidate.files == {"solution.py": CODE}
    assert found.diagnostics == ()


def test_of_several_loose_blocks_the_targets_language_then_the_longest_wins() -> None:
    text = (
        f"```bash\npip install everything-there-is-at-once\n```\n```python\n{CODE}```\n```python\nf()\n```\n"
    )
    assert extract(text, task=task()).candidate.files == {"solution.py": CODE}


def test_paths_are_read_from_the_info_line_the_line_above_and_a_first_comment() -> None:
    text = (
        f"```python title=pkg/a.py\n{CODE}```\n\n**`pkg/b.py`**\n```python\n{CODE}```\n\n"
        f"```python\n# pkg/c.py\n{CODE}```\n```pkg/d.py\n{CODE}```\n```python:pkg/e.py\n{CODE}```\n"
        f"### File: pkg/f.py\n\n```\n{CODE}```"
    )
    found = extract(text, task=task(target=None))
    assert sorted(found.candidate.files) == [f"pkg/{name}.py" for name in "abcdef"]


def test_a_sentence_that_merely_mentions_a_file_is_no_path() -> None:
    text = f"This goes well with what utils.py already does for you, e.g. numpy.\n```python\n{CODE}```"
    assert list(extract(text, task=task()).candidate.files) == ["solution.py"]


def test_an_unclosed_fence_and_a_thought_are_read_as_far_as_they_go() -> None:
    text = f"<think>```python\nwrong()\n```</think>\n```python\n{CODE}"
    assert extract(text, task=task()).candidate.files["solution.py"].strip() == CODE.strip()


def test_bare_code_without_a_fence_is_taken_if_it_parses() -> None:
    assert extract(CODE, task=task()).candidate.files == {"solution.py": CODE}


def test_an_answer_without_code_or_blank_is_a_diagnostic() -> None:
    assert codes("I cannot do that.") == ["extract.no-code"]
    assert codes("  \n ") == ["extract.blank"]


def test_a_question_that_expects_no_files_may_be_answered_in_words() -> None:
    assert extract("Paris.", task=Task(prompt="Capital of France?")).diagnostics == ()


def test_paths_that_leave_the_workspace_are_refused() -> None:
    for path in ("../evil.py", "/etc/evil.py", "a/../../evil.py"):
        found = extract(f"```python title={path}\n{CODE}```", task=task())
        assert [row.code for row in found.diagnostics] == ["extract.unsafe-path"], path
        assert found.candidate.files == {}


def test_a_diff_is_applied_to_the_tasks_files_even_with_wrong_line_numbers() -> None:
    files = {"m.py": "a = 1\nb = 2\nc = 3\n"}
    diff = "```diff\n--- a/m.py\n+++ b/m.py\n@@ -90,9 +90,2 @@\n a = 1\n-b = 2\n+b = 20\n c = 3\n```"
    assert extract(diff, task=task(target=None, files=files)).candidate.files == {
        "m.py": "a = 1\nb = 20\nc = 3\n"
    }


def test_a_diff_makes_deletes_and_renames_files() -> None:
    files = {"old.py": "x = 1\n", "gone.py": "y = 1\n"}
    diff = (
        "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+z = 1\n"
        "--- a/gone.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-y = 1\n"
        "--- a/old.py\n+++ b/moved.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n"
    )
    found = extract(diff, task=task(target=None, files=files)).candidate
    assert found.files == {"new.py": "z = 1\n", "moved.py": "x = 2\n"}
    assert sorted(found.deleted) == ["gone.py", "old.py"]


def test_a_diff_that_does_not_fit_is_a_located_diagnostic() -> None:
    diff = "```diff\n--- a/m.py\n+++ b/m.py\n@@ -7 +7 @@\n-nothing like it\n+x\n```"
    (found,) = extract(diff, task=task(files={"m.py": "a = 1\n"})).diagnostics
    assert (found.code, found.path, found.line, found.source) == (
        "extract.patch",
        "m.py",
        7,
        "nothing like it",
    )
    assert codes(diff) == ["extract.patch"]


@given(st.text(max_size=400))
def test_no_text_makes_it_raise(text: str) -> None:
    extract(text, task=task())
    extract(f"```python\n{text}\n```\n--- a\n+++ b\n{text}", task=task(files={"b": "x\n"}))
