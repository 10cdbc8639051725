"""check, schema and init from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from cascade.cli.main import main
from cascade.config import load
from cascade.tasks import read_tasks
from cascade.types import Task
from tests.config.conftest import MINIMAL, Write


def cascade(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_check_of_a_right_file_says_so_and_exits_0(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(MINIMAL)
    assert cascade("check", str(path)) == 0
    assert "flash > pro" in capsys.readouterr().out
    assert cascade("check", str(path), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["ok"], document["problems"], len(document["sha256"])) == (True, [], 64)


def test_check_of_a_wrong_file_tells_every_mistake_on_stderr_and_exits_2(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(MINIMAL + "validatrs: []\nshow_tests: no\n")
    assert cascade("check", str(path)) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert f"{path}:9:1: validatrs:" in told.err
    assert f"{path}:10:13: show_tests:" in told.err
    assert "Traceback" not in told.err
    assert cascade("check", str(path), "--json") == 2
    told = capsys.readouterr()
    assert len(json.loads(told.out)["problems"]) == 2
    assert told.err == ""


def test_check_asks_for_variables_unless_told_not_to(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    path = str(write(MINIMAL.replace("https://api.example.com", "https://${NO_SUCH_KEY}", 1)))
    assert cascade("check", path) == 2
    assert cascade("check", path, "--no-env") == 0


def test_check_finds_a_model_without_a_price(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    text = MINIMAL.replace("model: deepseek-v4-pro", "model: my-own-model")
    path = write(text)
    assert cascade("check", str(path)) == 2
    assert (
        f"{path}:7:12: tiers.pro.model: no price is known for the model 'my-own-model'"
        in capsys.readouterr().err
    )
    for price in ("unknown", "{input: 1, output: 2}"):
        assert cascade("check", str(write(text + f"    price: {price}\n"))) == 0


def test_check_says_whose_price_is_used(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert cascade("check", str(write(MINIMAL))) == 0
    assert "another seller (deepseek)" in capsys.readouterr().err


def test_check_notes_what_is_allowed_and_probably_not_meant(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    swapped = MINIMAL.replace("deepseek-v4-pro", "x").replace("deepseek-flash", "deepseek-v4-pro")
    swapped = swapped.replace("api.example.com", "api.deepseek.com")
    text = (
        swapped.replace("model: x", "model: deepseek-flash\n    api_key: sk-planted")
        + "sandbox: {use: none}\n"
    )
    path = write(text)
    assert cascade("check", str(path)) == 0
    told = capsys.readouterr()
    notes = [
        "6:3: tiers.pro: is cheaper than flash, which is tried before it; tiers stand cheapest first",
        "8:14: tiers.pro.api_key: the key stands in the file itself; write ${VARIABLE}, and keep the key in the",
        "10:16: sandbox.use: model-written code is executed without isolation; use auto, unless another wall",
    ]
    for line, note in zip(told.err.splitlines(), notes, strict=True):
        assert line.startswith(f"note: {path}:{note}")
    assert "sk-planted" not in told.err + told.out


@pytest.mark.parametrize("name", ["missing.yaml", "x.json", "."])
def test_check_of_no_config_exits_2(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cascade("check", str(tmp_path / name)) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_schema_is_a_json_schema_with_words_for_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert cascade("schema") == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    for name, told in schema["properties"].items():
        # pydantic leaves out a description that equals that of what is referred to.
        assert told.get("description") or told.get("$ref"), name
    for name, told in schema["$defs"]["TierConfig"]["properties"].items():
        assert told.get("description"), name


def test_init_starts_a_project_that_checks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", "k")
    folder = tmp_path / "new"
    assert cascade("init", str(folder)) == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "cascade.schema.json",
        "cascade.yaml",
        "tasks.jsonl",
        "test_solution.py",
    ]
    assert cascade("check", str(folder / "cascade.yaml")) == 0
    assert load(folder / "cascade.yaml").tier_names == ("flash", "pro")
    (task,) = read_tasks(folder / "tasks.jsonl")
    assert isinstance(task, Task)
    assert task.tests == {"test_solution.py": (folder / "test_solution.py").read_text()}
    modeline = (folder / "cascade.yaml").read_text().splitlines()[0]
    assert modeline == "# yaml-language-server: $schema=cascade.schema.json"
    schema = json.loads((folder / "cascade.schema.json").read_text())
    jsonschema.validate(yaml.safe_load((folder / "cascade.yaml").read_text()), schema)
    assert "wrote" in capsys.readouterr().out


def test_init_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cascade.yaml").write_text("mine")
    (tmp_path / "tasks.jsonl").symlink_to("nowhere")
    assert cascade("init", str(tmp_path)) == 0
    assert (tmp_path / "cascade.yaml").read_text() == "mine"
    assert (tmp_path / "tasks.jsonl").is_symlink()
    assert "kept" in capsys.readouterr().out
