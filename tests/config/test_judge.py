"""`judge` in a config: what is wrong with it is told with its place, the artefact's kind and tier included."""

from __future__ import annotations

from pathlib import Path

import pytest

from cascade.classifiers.artifact import default, save
from cascade.policy.judge import Judge
from cascade.wiring.parts import judge as wired
from tests.config.conftest import MINIMAL, Problems, Write, loaded
from tests.config.test_commands import cascade
from tests.policy.judges import artifact


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{accept: 0.5}", "cascade.yaml:9:1: judge.artifact: is missing"),
        ("{artifact: none.json}", "cascade.yaml:9:19: judge.artifact: no such file: none.json"),
        ("{artifact: [none.json]}", "cascade.yaml:9:20: judge.artifact[0]: no such file: none.json"),
        ("{artifact: j.json, accept: 2}", "cascade.yaml:9:35: judge.accept"),
        ("{artifact: j.json, when: never}", "cascade.yaml:9:33: judge.when"),
        ("{artifact: j.json, least: 1}", "cascade.yaml:9:27: judge.least"),
    ],
    ids=["no artefact", "no file", "no file of a list", "no probability", "no word", "unknown key"],
)
def test_a_mistake_is_told_with_its_place(
    problems: Problems, tmp_path: Path, written: str, told: str
) -> None:
    save(artifact(), tmp_path / "j.json")
    (found,) = problems(f"{MINIMAL}judge: {written}\n")
    assert found.startswith(told)


def test_an_artefact_of_another_kind_is_told_by_check(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(default(), tmp_path / "j.json")
    assert cascade("check", str(write(MINIMAL + "judge: {artifact: j.json}\n"))) == 2
    said = capsys.readouterr().err
    assert "cascade.yaml:9:19: judge.artifact:" in said
    assert "is a 'cascade.classifier.linear', not a 'cascade.classifier.answer'" in said


@pytest.mark.parametrize(
    ("tiers", "told"),
    [
        (("other",), "no tier here has that name or model"),
        (("flash", "flash"), "another artefact judges too"),
    ],
    ids=["of no tier", "twice"],
)
def test_whose_answers_are_judged_must_be_plain(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str], tiers: tuple[str, ...], told: str
) -> None:
    names = [f"j{number}.json" for number, _ in enumerate(tiers)]
    for name, tier in zip(names, tiers, strict=True):
        save(artifact(tier), tmp_path / name)
    assert cascade("check", str(write(f"{MINIMAL}judge: {{artifact: [{', '.join(names)}]}}\n"))) == 2
    assert told in capsys.readouterr().err


def judge_of(write: Write, tmp_path: Path, more: str) -> Judge:
    save(artifact("deepseek-flash", "deepseek-v4-pro"), tmp_path / "a.json")
    save(artifact("pro"), tmp_path / "b.json")
    found = wired(loaded(write(MINIMAL + "judge: {artifact: [a.json, b.json]}\n" + more)))
    assert found is not None
    return found


def test_tiers_are_found_by_name_or_model(write: Write, tmp_path: Path) -> None:
    found = judge_of(write, tmp_path, "")
    assert set(found.classifiers) == {"flash", "pro"}
    assert (found.accept, found.when) == (0.6, "unproven")


def test_checks_that_only_read_are_told_from_those_that_execute(write: Write, tmp_path: Path) -> None:
    checks = """validators:
  - {use: ruff, name: lint}
  - mypy
  - pytest
  - {use: command, run: [look], executes: false}
  - {use: command, run: [make]}
  - eslint
"""
    found = judge_of(write, tmp_path, checks)
    assert {"lint", "mypy", "look", "eslint"} <= found.reads
    assert not {"pytest", "make", "ruff"} & found.reads
