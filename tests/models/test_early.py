"""Early stop cuts what is complete or lost, and never what could still pass."""

from __future__ import annotations

import ast
import random
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.models.early import EarlyStop, StopRules
from cascade.models.prefix import PythonPrefix
from cascade.models.replayed import pieces

GOOD = "Sure:\n```python\ndef add(a, b):\n    return a + b\n```\nThis adds two numbers, as was asked for."


def cut(text: str, *, size: int = 4, rules: StopRules | None = None) -> tuple[EarlyStop, str]:
    """The watcher after the text, and what was let through."""
    stop, seen = EarlyStop(rules), ""
    for piece in pieces(text, size):
        seen += piece
        if stop(piece):
            break
    return stop, seen


@given(size=st.integers(1, 40))
def test_a_closed_block_ends_the_answer_whatever_the_pieces(size: int) -> None:
    stop, seen = cut(GOOD, size=size)
    assert stop.why == "complete"
    assert stop.finding is None
    assert "return a + b\n```" in seen
    assert len(seen) < GOOD.index("```\nThis") + 3 + size


def test_a_closing_fence_at_the_very_end_counts() -> None:
    assert cut("```python\nx = 1\n```")[0].why == "complete"


def test_a_fence_within_a_string_of_another_length_does_not_close() -> None:
    stop, _ = cut("````python\ntext = '''\n```\n'''\n")
    assert stop.why is None


def test_a_block_of_another_language_does_not_end_the_answer() -> None:
    stop, seen = cut("```bash\npip install x\n```\n" + GOOD)
    assert stop.why == "complete"
    assert "return a + b" in seen


def test_where_more_is_asked_for_completeness_is_not_looked_for() -> None:
    assert cut(GOOD, rules=StopRules(complete=False))[0].why is None


def test_an_error_that_nothing_mends_is_located() -> None:
    stop, seen = cut("```python\nimport os\n\ndef f(:\n    pass\n\nprint(1)\n```\n", size=1)
    assert stop.why == "syntax"
    assert stop.finding is not None
    assert (stop.finding.line, stop.finding.code) == (3, "early-syntax")
    assert "print" not in seen


@pytest.mark.parametrize(
    "code",
    [
        "x = (1,\n",
        "def f():\n",
        "s = '''\nopen\n",
        "if x:\n    pass\nel",
        "try:\n    f()\n",
        "x = [\n    1,\n\n    2,\n",
        "@d\n",
    ],
)
def test_what_is_only_unfinished_is_no_error(code: str) -> None:
    assert cut("```python\n" + code)[0].why is None


def test_the_inside_of_a_function_is_not_judged() -> None:
    assert cut("```python\n    return a + b\n```")[0].why == "complete"


@pytest.mark.parametrize(
    "line", ["import os", "import sys, os.path", "from os.path import join", "    import os as o"]
)
def test_a_forbidden_import_ends_the_answer(line: str) -> None:
    rules = StopRules(forbidden_imports=frozenset({"os"}), syntax=False)
    stop, _ = cut(f"```python\n{line}\nx = 1\n", rules=rules)
    assert stop.why == "forbidden_import"
    assert stop.finding is not None
    assert stop.finding.line == 1
    assert cut("```python\nimport ostrich\nx = 'import os'\n", rules=rules)[0].why is None


@pytest.mark.parametrize(
    "loop",
    [
        "The function adds each number to the sum, but it does not return it. " * 12,
        "    if a:\n        return 1\n    # Check the next number of the list\n" * 8,
        "print('the same line again')\n" * 20,
    ],
)
def test_a_loop_is_cut(loop: str) -> None:
    stop, seen = cut("```python\n" + loop, rules=StopRules(syntax=False))
    assert stop.why == "repetition"
    assert len(seen) < len(loop)


def test_a_table_of_alike_rows_is_no_loop() -> None:
    rows = "".join(f"    assert f({n}) == {n * n}\n" for n in range(40))
    assert cut("```python\ndef test():\n" + rows)[0].why is None
    assert cut("```python\ngrid = [\n" + "    [0, 0, 0],\n" * 9 + "]\n")[0].why is None


def test_a_restarted_stream_is_watched_afresh() -> None:
    stop = EarlyStop()
    assert not stop("```python\ndef f(")
    stop.restart()
    assert not stop("```python\nx = 1\n")
    assert stop("```")


def library_files() -> list[Path]:
    folder = Path(sysconfig.get_paths()["stdlib"])
    found = [*folder.glob("*.py"), *folder.glob("json/*.py"), *folder.glob("asyncio/*.py")]
    return random.Random(20261123).sample(sorted(found), 14)


@pytest.mark.parametrize("path", library_files(), ids=lambda path: path.name)
def test_no_prefix_of_a_valid_file_is_taken_for_broken(path: Path) -> None:
    source = path.read_text(encoding="utf-8", errors="replace")
    ast.parse(source)
    prefix = PythonPrefix()
    for number, line in enumerate(source.split("\n")[:600], start=1):
        assert prefix.feed(line) is None, f"{path}:{number}: {line}"


BROKEN = [
    "def f(:",
    "x = = 1",
    "for in y:",
    "return )",
    "x = 'open",
    "class 3:",
    "1 +* 2",
    "print('a' 'b' c)",
]


@pytest.mark.parametrize("line", BROKEN)
def test_plain_errors_are_seen_at_their_line(line: str) -> None:
    prefix = PythonPrefix()
    assert prefix.feed("import os") is None
    assert prefix.feed("") is None
    fault = prefix.feed(line)
    assert fault is not None
    assert fault.line == 3
