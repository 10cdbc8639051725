"""A task file: what is right comes as tasks, what is broken is named by line, and the reading goes on."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import InputError
from cascade.tasks import BrokenLine, read_tasks
from cascade.types import Task


def read(tmp_path: Path, *lines: str | bytes, name: str = "t.jsonl") -> list[Task | BrokenLine]:
    raw = b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    (tmp_path / name).write_bytes(raw)
    return list(read_tasks(tmp_path / name))


def test_every_key_reaches_the_task(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    fields = {
        "id": "a",
        "prompt": "p",
        "files": {"src/x.py": "1"},
        "workspace": "repo",
        "target": "solution.py",
        "tests": {"test_x.py": "2"},
        "validators": ["ruff"],
        "metadata": {"kind": ["x", 1, None]},
        "context": ["src/**"],
        "fail_to_pass": ["tests/test_x.py::test_a[1]"],
        "pass_to_pass": ["tests/test_x.py::test_b"],
        "hidden_tests": {"tests/test_h.py": "3"},
    }
    (task,) = read(tmp_path, json.dumps(fields))
    assert task == Task(
        id="a",
        prompt="p",
        files={"src/x.py": "1"},
        workspace=str(tmp_path / "repo"),
        target="solution.py",
        tests={"test_x.py": "2"},
        validators=("ruff",),
        metadata={"kind": ["x", 1, None]},
        context=("src/**",),
        fail_to_pass=("tests/test_x.py::test_a[1]",),
        pass_to_pass=("tests/test_x.py::test_b",),
        hidden_tests={"tests/test_h.py": "3"},
    )


def test_only_the_prompt_is_required_and_the_line_gives_the_id(tmp_path: Path) -> None:
    tasks = read(tmp_path, b'\xef\xbb\xbf{"prompt": "one"}', "", '{"prompt": "two"}', "")
    assert [(task.id, isinstance(task, Task)) for task in tasks] == [("task-1", True), ("task-3", True)]


BROKEN = [
    ('{"prompt": ', "is not JSON", None),
    ("[1]", "is not a JSON object", None),
    ('"text"', "is not a JSON object", None),
    ("{}", "prompt is missing", None),
    ('{"prompt": ""}', "prompt is empty", None),
    ('{"id": "x", "prompt": 5}', "prompt must be text", "x"),
    ('{"id": 5, "prompt": "p"}', "id must be text", None),
    ('{"id": "", "prompt": "p"}', "id is empty", ""),
    ('{"prompt": "p", "promt": 1, "files": []}', "files must be an object; promt is not a known key", None),
    ('{"prompt": "p", "files": {"../x": ""}}', "files: '../x' leads out of the workspace", None),
    ('{"prompt": "p", "files": {"/etc/x": ""}}', "files: '/etc/x' leads out of the workspace", None),
    ('{"prompt": "p", "tests": {"a/../../x": ""}}', "tests: 'a/../../x' leads out of the workspace", None),
    ('{"prompt": "p", "target": "/x.py"}', "target: '/x.py' leads out of the workspace", None),
    ('{"prompt": "p", "target": "src/"}', "target: 'src/' names no file", None),
    ('{"prompt": "p", "target": ""}', "target: '' names no file", None),
    ('{"prompt": "p", "files": {"a\\u0000": ""}}', "leads out of the workspace", None),
    ('{"prompt": "p", "workspace": "nowhere"}', "workspace: there is no folder 'nowhere'", None),
    ('{"prompt": "p", "context": ["src"]}', "context names files of a workspace, and there is none", None),
    ('{"prompt": "p", "workspace": ".", "context": ["../x"]}', "context: '../x' leads out", None),
    ('{"prompt": "p", "hidden_tests": {"/x": ""}}', "hidden_tests: '/x' leads out of the workspace", None),
    ('{"prompt": "p", "fail_to_pass": [""]}', "fail_to_pass.0 is empty", None),
    (b'{"prompt": "\xff"}', "is not UTF-8 (byte 13 of the line)", None),
    ('{"prompt": "p", "metadata": NaN}', "is not JSON", None),
    ('{"prompt": "\\ud800"}', "is not JSON", None),
    ('{"id": "first", "prompt": "p"}', "the id 'first' was given in line 1 already", None),
]


@pytest.mark.parametrize(("line", "said", "name"), BROKEN)
def test_a_broken_line_is_named_and_the_others_run(
    tmp_path: Path, line: str | bytes, said: str, name: str | None
) -> None:
    first, broken, last = read(
        tmp_path, '{"id": "first", "prompt": "1"}', line, '{"id": "last", "prompt": "3"}'
    )
    assert isinstance(first, Task)
    assert isinstance(last, Task)
    assert isinstance(broken, BrokenLine)
    assert said in broken.what
    assert (broken.line, broken.id) == (2, name)
    assert str(broken).startswith(f"{tmp_path / 't.jsonl'}:2: ")


def test_gzip_is_told_by_its_content(tmp_path: Path) -> None:
    (task,) = read(tmp_path, gzip.compress(b'{"prompt": "p"}\n'), name="plain.jsonl")
    assert isinstance(task, Task)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "the task file is empty"),
        (b"\n\n  \n", "the task file is empty"),
        (gzip.compress(b"{}\n" * 1000, mtime=0)[:-20], "is gzipped and damaged"),
        (b"\x1f\x8bnonsense", "is gzipped and damaged"),
    ],
)
def test_a_file_without_tasks_is_an_input_error(tmp_path: Path, raw: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(tmp_path, raw)


def test_a_file_that_is_not_there_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the task file: no such file"):
        next(read_tasks(tmp_path / "no.jsonl"))


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    line = json.dumps({"prompt": "x" * 20_000}) + "\n"
    (tmp_path / "big.jsonl").write_text(line * 1000)
    tracemalloc.start()
    count = sum(isinstance(task, Task) for task in read_tasks(tmp_path / "big.jsonl"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 1000
    assert peak < 3_000_000, "20 MB were read"


@given(raw=st.binary(max_size=200))
def test_no_bytes_make_it_fail_otherwise(raw: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(raw)
    try:
        found = list(read_tasks(path))
    except InputError:
        return
    assert found
