"""`cascade validate` and `cascade doctor`: exit codes, and one JSON document."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cascade.cli.doctor import doctor
from cascade.cli.validate import validate
from cascade.errors import InputError
from cascade.validators import checkup
from cascade.validators.checkup import Finding

TEST = "from solution import add\ndef test(): assert add(1, 2) == 3\n"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(validate, [*arguments, "--sandbox", "landlock"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "solution.py").write_text("def add(a, b):\n    return a + b\n")
    (tmp_path / "test_solution.py").write_text(TEST)
    return tmp_path


def test_a_right_folder_passes_with_its_own_tests(folder: Path) -> None:
    done = run(str(folder), "--json", "--validators", "syntax,ruff,pytest")
    document = json.loads(done.stdout)
    assert done.exit_code == 0
    assert document["verdict"] == "passed"
    assert [one["name"] for one in document["validators"]] == ["syntax", "ruff", "pytest"]


def test_a_wrong_one_fails_with_its_place(folder: Path) -> None:
    (folder / "solution.py").write_text("def add(a, b):\n    return a + c\n")
    done = run(
        str(folder / "solution.py"), "--tests", str(folder / "test_solution.py"), "--validators", "ruff"
    )
    assert done.exit_code == 1
    assert "solution.py:2:16: error [F821]" in done.stdout
    assert "verdict: failed" in done.stdout


def test_without_tests_pytest_is_said_to_be_skipped(folder: Path) -> None:
    done = run(str(folder / "solution.py"), "--validators", "syntax,pytest")
    assert done.exit_code == 0
    assert "pytest: skipped: the task brings no tests" in done.stdout


def test_nothing_checked_is_not_passed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    assert run(str(tmp_path), "--validators", "syntax").exit_code == 3


@pytest.mark.parametrize(
    "arguments",
    [("/no/such/path",), (".", "--validators", "nope"), ("{bin}",)],
    ids=["path", "validator", "binary"],
)
def test_bad_usage_is_one_clear_error(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "x.bin").write_bytes(b"\xff\xfe\x00")
    done = run(*(word.replace("{bin}", str(tmp_path / "x.bin")) for word in arguments))
    assert isinstance(done.exception, InputError)


def test_doctor_says_what_there_is_and_what_is_missing() -> None:
    done = CliRunner().invoke(doctor, ["--json"])
    document = json.loads(done.stdout)
    named = {finding["name"]: finding for finding in document["findings"]}
    assert done.exit_code == 0
    assert document["isolates"] is True
    assert named["landlock"]["isolates"]
    assert all(finding["advice"] for finding in document["findings"] if finding["state"] == "missing")


def test_doctor_exits_with_1_where_nothing_isolates(monkeypatch: pytest.MonkeyPatch) -> None:
    from cascade.cli import doctor as module

    missing = Finding(name="landlock", state="missing", detail="not found", advice=checkup.ADVICE["landlock"])
    monkeypatch.setitem(doctor.callback.__globals__, "examine", lambda: [missing])  # type: ignore[union-attr]
    assert module is not None
    done = CliRunner().invoke(doctor)
    assert done.exit_code == 1
    assert "not executed here" in done.stdout
