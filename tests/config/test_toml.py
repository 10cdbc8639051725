"""TOML says the same as YAML, and its mistakes are located too."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.config.document import Problem
from cascade.config.toml_source import parse_toml
from tests.config.conftest import Problems, Write, loaded

TOML = """\
version = 1
validators = ["ruff", {use = "command", run = ["a", 'b, ] c']}]

[tiers.flash]   # the cheap one
model = "deepseek-flash"
base_url = "https://api.example.com"
price = {input = 0.15, output = 0.60}

[tiers."pro"]
model = '''
deepseek
'''
base_url = "https://api.example.com"

[[tiers.pro.fallbacks]]
model = "x"
base_url = "https://api.example.com"

[[tiers.pro.fallbacks]]
model = "y"
base_url = "https://api.example.com"
limits.concurrency = 4

[policy]
use = "threshold"
attempts.flash = 2
"""


def test_toml_gives_the_config(write: Write) -> None:
    config = loaded(write(TOML, "c.toml"))
    assert config.tier_names == ("flash", "pro")
    assert config.tiers["pro"].fallbacks[1].limits.concurrency == 4


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('model = "x"', 'modle = "x"', "c.toml:16:1: tiers.pro.fallbacks[0].modle: is not a known key here"),
        (
            "concurrency = 4",
            "concurrency = 0",
            "c.toml:22:22: tiers.pro.fallbacks[1].limits.concurrency: must be",
        ),
        ("attempts.flash", "attempts.flsh", "c.toml:26:1: policy.attempts.flsh: there is no such tier"),
        ("0.60", "-1", "c.toml:7:33: tiers.flash.price.output: must be at least 0, and is -1"),
        ("[policy]", "[polcy]", "c.toml:24:2: polcy: is not a known key here; did you mean policy?"),
        ("version = 1", "version = ", "c.toml:1:11: is not TOML: invalid value"),
        ("version = 1", f"version = {'9' * 5000}", "c.toml:1:1: is not TOML: Exceeds the limit"),
        ("version = 1", f"version = 0x{'f' * 5000}", "c.toml:1:11: version: is too large"),
        ("version = 1", "version = nan", "c.toml:1:11: version: nan is not a number that can stand here"),
        ("attempts.flash = 2", "[policy]", "c.toml:26:8: is not TOML: cannot declare"),
    ],
)
def test_a_mistake_is_located(before: str, after: str, said: str, problems: Problems) -> None:
    found = problems(TOML.replace(before, after, 1), "c.toml")
    assert found
    assert found[0].startswith(said), found


KEYS = st.sampled_from(["a", "b-1", '"x y"', "'q.r'", '"\\u00e9"'])
SCALARS = st.sampled_from(
    [
        "1",
        "-2.5e3",
        "true",
        '"t # , ] }"',
        "'l'",
        '"""m\n"" """',
        "'''n\n'''",
        "1979-05-27 07:32:00",
        "0x1F",
        '"\\""',
    ]
)
VALUES: st.SearchStrategy[str] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[\n " + ", # c ]\n".join(items) + "\n]"),
        st.lists(st.tuples(KEYS, inner), max_size=3, unique_by=lambda pair: pair[0]).map(
            lambda pairs: "{" + ", ".join(f"{key} = {value}" for key, value in pairs) + "}"
        ),
    ),
    max_leaves=6,
)


@given(st.lists(st.tuples(KEYS, VALUES), min_size=1, max_size=4, unique_by=lambda pair: pair[0]))
def test_every_key_and_value_has_a_place_and_it_is_the_right_one(pairs: list[tuple[str, str]]) -> None:
    text = (
        "".join(f"{key} = {value}\n" for key, value in pairs) + "[t.u]\nend = 1\n[[t.v]]\n[[t.v]]\nlast = 1\n"
    )
    problems: list[Problem] = []
    document = parse_toml(text, "x", problems)
    assert problems == []
    lines = text.split("\n")

    def check(value: Any, place: tuple[str | int, ...]) -> None:
        assert place in document.values or place == () or place[0] == "t", place
        if isinstance(value, dict):
            for key, item in value.items():
                line, column = document.keys[(*place, key)]
                written = lines[line - 1][column - 1 :].lstrip("[")
                assert key in written or tomllib.loads(f"k = {written.split('=')[0].strip()}")["k"] == key
                check(item, (*place, key))
        if isinstance(value, list):
            for index, item in enumerate(value):
                check(item, (*place, index))

    check(document.data, ())


@pytest.mark.parametrize("text", ["[{key}]\nx = 1\n", "{key} = 1\n"], ids=["table", "key"])
def test_a_key_of_thousands_of_parts_is_a_located_fault(text: str) -> None:
    problems: list[Problem] = []
    parse_toml("version = 1\n" + text.format(key=".".join("a" * 5000)), "cascade.toml", problems)
    assert [(problem.what, problem.mark) for problem in problems] == [("is nested too deeply", (2, 1))]
