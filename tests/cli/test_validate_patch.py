"""`cascade validate --workspace DIR --patch FILE`: the verdict speaks of the patch alone."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from cascade.cli.main import main
from tests.cli.conftest import Ended

Command: TypeAlias = Callable[..., Ended]

CALC = "def add(a, b):\n    return a - b\n\n\ndef double(a):\n    return a * 2\n"
TESTS = (
    "from calc import add, double\n\n\ndef test_add():\n    assert add(1, 2) == 3\n\n\n"
    "def test_double():\n    assert double(2) == 4\n\n\ndef test_old():\n    assert double(2) == 5\n"
)
FIX = "--- a/calc.py\n+++ b/calc.py\n@@ -1,2 +1,2 @@\n def add(a, b):\n-    return a - b\n+    return a + b\n"
BREAK = (
    "--- a/calc.py\n+++ b/calc.py\n@@ -5,2 +5,2 @@\n def double(a):\n-    return a * 2\n+    return a * 3\n"
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two functions, one wrong; a test that fails for good; an old finding in another file."""
    root = tmp_path / "repo"
    (root / "tests").mkdir(parents=True)
    (root / "calc.py").write_text(CALC)
    (root / "old.py").write_text("print(undefined_name)\n")
    (root / "tests" / "test_calc.py").write_text(TESTS)
    return root


@pytest.fixture
def cascade(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command in this process: its words, and what is on stdin."""

    def run(*words: str, stdin: str) -> Ended:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as stop:
            main(["validate", *words])
        said = capsys.readouterr()
        return Ended(int(stop.value.code or 0), said.out, said.err)

    return run


def stamps(root: Path) -> dict[str, Any]:
    """Content and time stamps of a tree."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_right_patch_passes_though_another_test_fails_as_before(cascade: Command, repository: Path) -> None:
    before = stamps(repository)
    done = cascade(
        "--workspace", str(repository), "--patch", "-", "--validators", "ruff,pytest", "--json", stdin=FIX
    )
    assert done.code == 0, done.err
    document = done.document
    assert document["verdict"] == "passed"
    tests = document["baseline"]["tests"]
    assert (tests["passed"], tests["failed"], tests["flaky"], tests["not_runnable"]) == (1, 2, [], [])
    assert document["baseline"]["findings"] == 1
    assert document["changes"]["fixed"] == ["tests/test_calc.py::test_add"]
    assert document["changes"]["still_failing"] == ["tests/test_calc.py::test_old"]
    assert stamps(repository) == before


def test_a_patch_that_breaks_a_test_fails_and_the_test_is_named(cascade: Command, repository: Path) -> None:
    done = cascade("--workspace", str(repository), "--patch", "-", "--validators", "pytest", stdin=BREAK)
    assert done.code == 1, done.err
    assert "passed before, fail now: tests/test_calc.py::test_double" in done.out


def test_a_file_that_is_not_utf_8_is_checked_as_it_is(cascade: Command, tmp_path: Path) -> None:
    (tmp_path / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\nNAME = 'caf\xe9'\nX = 1\n")
    test = "import latin\n\n\ndef test_x():\n    assert (latin.NAME, latin.X) == ('caf\\xe9', 2)\n"
    (tmp_path / "test_latin.py").write_text(test)
    patch = tmp_path / "fix.patch"
    patch.write_bytes(b"--- a/latin.py\n+++ b/latin.py\n@@ -2,2 +2,2 @@\n NAME = 'caf\xe9'\n-X = 1\n+X = 2\n")
    done = cascade(
        "--workspace", str(tmp_path), "--patch", str(patch), "--validators", "pytest", "--json", stdin=""
    )
    assert done.document["changes"]["fixed"] == ["test_latin.py::test_x"], done.err


def test_a_patch_that_does_not_apply_is_bad_input_with_the_place(cascade: Command, repository: Path) -> None:
    done = cascade("--workspace", str(repository), "--patch", "-", stdin=FIX.replace("a - b", "a / b"))
    assert done.code == 2
    assert "does not apply" in done.err
    assert "calc.py" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing to check"),
        (["--workspace", "."], "belong together"),
        (["--workspace", "nowhere", "--patch", "-"], "no folder 'nowhere'"),
        (["--workspace", ".", "--patch", "-"], "no unified diff"),
        (["x.py", "--workspace", ".", "--patch", "-"], "checked alone"),
        (
            ["--workspace", ".", "--patch", "-", "--python", "no/python"],
            "no interpreter 'no/python'",
        ),
    ],
)
def test_bad_input_is_exit_2(cascade: Command, arguments: list[str], said: str) -> None:
    done = cascade(*arguments, stdin=FIX.replace("calc", "README") if "--python" in arguments else "hello")
    assert done.code == 2
    assert said in done.err
