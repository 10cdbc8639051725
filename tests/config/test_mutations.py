"""Spoilt configs: each error has its place, none is a traceback, and the JSON Schema agrees with check."""

from __future__ import annotations

import random
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.config import Plugins, json_schema, load
from cascade.config.document import Problem
from cascade.config.yaml_source import parse_yaml
from cascade.errors import ConfigError
from tests.config.samples import ENV, SAMPLES, mutated

LOCATED = re.compile(r"^.*cascade\.yaml:[0-9]+:[0-9]+: ")
# What JSON Schema has no words for: names that stand for something elsewhere in the file, variables, files.
BEYOND_SCHEMA = re.compile(
    r"there is no such tier|there is no tier|stands here already|no such file|is a folder|stands here a second time"
    r"|names no variable|environment variable|\$\{"
    r"|there is no (?:node|validator) |has no outcome|no edge for the outcome|is the name of an end"
    r"|cannot be reached|is a dead end|a loop without a bound|and on the way|there is no answer to accept"
    r"|fallbacks stand in|no regular expression|the named groups are|the config it names is wrong"
    r"|may not contain itself"
)


@cache
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json_schema(Plugins()))


def checked(path: Path) -> list[str]:
    """The problems of a file, each of which must have a place."""
    found: tuple[str, ...] = ()
    try:
        load(path, env=ENV, plugins=Plugins())
    except ConfigError as error:
        found = error.problems or ("no place at all",)
    for line in found:
        assert LOCATED.match(line), line
        assert not re.search(r"Input should|pydantic|<class|function-|Traceback", line), line
    return list(found)


def schema_faults(data: Any) -> list[str]:
    return [f"{list(one.absolute_path)}: {one.message[:200]}" for one in validator().iter_errors(data)]


def agree(found: list[str], faults: list[str], about: str) -> None:
    """What the schema refuses, check refuses; what check refuses, the schema does, unless it is beyond it."""
    judged = [line for line in found if not BEYOND_SCHEMA.search(line)]
    assert found or not faults, f"only the schema refuses: {faults}\n{about}"
    assert faults or not judged, f"only check refuses: {judged}\n{about}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "r.jsonl").write_text("{}\n")
    (tmp_path / "judge.json").write_text("{}\n")
    return tmp_path / "cascade.yaml"


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_samples_are_right_for_both(sample: dict[str, Any], path: Path) -> None:
    path.write_text(yaml.safe_dump(sample, sort_keys=False))
    assert checked(path) == []
    assert schema_faults(sample) == []


@pytest.mark.parametrize("first", range(0, 700, 100))
def test_spoilt_settings_are_located_and_the_schema_agrees(first: int, path: Path) -> None:
    refused = 0
    for seed in range(first, first + 100):
        data = mutated(seed)
        path.write_text(yaml.safe_dump(data, sort_keys=False, width=1000))
        found = checked(path)
        agree(found, schema_faults(data), f"seed {seed}\n{path.read_text()}")
        refused += bool(found)
    assert refused > 50, "the mutations spoil something"


@pytest.mark.parametrize("first", range(0, 300, 100))
def test_spoilt_text_is_located(first: int, path: Path) -> None:
    junk = [
        "\t",
        "\0",
        "'",
        '"',
        "[",
        "}",
        ": ",
        "- ",
        "&a ",
        "*a",
        "<<: ",
        "\n",
        "\ufeff",
        "é",
        "!!str ",
        "# ",
        "%",
    ]
    for seed in range(first, first + 100):
        chance = random.Random(seed)
        text = yaml.safe_dump(chance.choice(SAMPLES), sort_keys=False)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(text))
            end = at + chance.choice([0, 0, 1, 20])
            text = text[:at] + chance.choice(["", *junk, text[at:end] * 2]) + text[end:]
        path.write_text(text)
        found = checked(path)
        problems: list[Problem] = []
        document = parse_yaml(text, "x", problems)
        if not problems and document.data is not None:
            agree(found, schema_faults(document.data), f"seed {seed}\n{text}")


SIGNS = "abc:-[]{}&*!|>'\"%@`#,?\n\t 0.~<="


@settings(max_examples=200, deadline=None)
@given(raw=st.one_of(st.text(), st.binary(), st.text(SIGNS)), suffix=st.sampled_from(["yaml", "toml"]))
def test_whatever_stands_in_a_file_is_a_config_or_a_config_error(
    raw: str | bytes, suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any.{suffix}"
    path.write_bytes(raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw)
    with pytest.raises(ConfigError) as caught:
        load(path, env={}, plugins=Plugins())
    assert all(re.match(rf"^.*any\.{suffix}:[0-9]+:", line) for line in caught.value.problems)
