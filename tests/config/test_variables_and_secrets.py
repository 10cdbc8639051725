"""`${VAR}` is filled in after parsing; what it held, and every key, stays out of dumps, messages and reprs."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.config import Config, FixedPolicy, TierConfig, default_config, default_graph, from_mapping, load
from cascade.config.environment import Variables
from cascade.errors import ConfigError
from tests.config.conftest import MINIMAL, Problems, Write, loaded

SECRET = "sk-planted-123456"
WITH_KEYS = """\
version: 1
tiers:
  flash:
    model: ${MODEL:-deepseek-flash}
    base_url: ${URL}
    api_key: ${KEY}
    headers: {X-Auth: "Bearer ${KEY}"}
    fallbacks: [{model: m, base_url: "https://b.example.com", api_key: "sk-planted-123456"}]
  pro: {model: p, base_url: "https://h.example.com", extra_body: {token: "${KEY}"}}
validators: [{use: command, run: [check, "${KEY}"]}]
"""
ENV = {"URL": "https://user.example.com/v1", "KEY": SECRET}


def test_values_come_from_the_environment_or_the_default(write: Write) -> None:
    flash = loaded(write(WITH_KEYS), env=ENV).tiers["flash"]
    assert (flash.model, flash.base_url) == ("deepseek-flash", "https://user.example.com/v1")
    assert flash.api_key is not None
    assert flash.api_key.get_secret_value() == SECRET


def test_no_secret_is_in_dump_repr_or_hash_input(write: Write) -> None:
    config = loaded(write(WITH_KEYS), env=ENV)
    assert SECRET not in json.dumps(config.public_dump()) + repr(config) + str(config)
    flash = config.public_dump()["tiers"]["flash"]
    assert flash["api_key"] == "${KEY}"
    assert "api_key" not in flash["fallbacks"][0]
    assert config.public_dump()["validators"][0]["run"] == ["check", "${KEY}"]


def test_the_config_knows_what_must_be_masked(write: Write) -> None:
    config = loaded(write(WITH_KEYS), env={**ENV, "KEY": "other-key-1"})
    assert set(config.secrets) == {SECRET, "other-key-1", "Bearer other-key-1"}


def test_no_secret_is_in_a_message_about_it(problems: Problems) -> None:
    wrong = MINIMAL.replace("https://api.example.com", "${KEY}", 1) + 'budget: {total_usd: "${KEY}"}\n'
    found = problems(wrong, env={"KEY": SECRET})
    wrong += 'policy: {use: "${KEY}"}\nvalidators: ["${KEY}"]\n'
    found += problems(wrong + "classifier: {use: linear, artifact: '${KEY}'}\n", env={"KEY": SECRET})
    assert len(found) == 2 + 5, found
    assert SECRET not in "\n".join(found)
    assert "'${KEY}' is not an address" in found[0]


def test_an_address_holds_no_password(problems: Problems) -> None:
    found = problems(MINIMAL.replace("https://api", f"https://me:{SECRET}@api", 1))
    assert found == [
        "cascade.yaml:5:15: tiers.flash.base_url: holds a user or password; put the key into api_key, as ${VARIABLE}"
    ]


def test_a_missing_variable_is_named_with_its_place(problems: Problems) -> None:
    assert problems(WITH_KEYS, env={"KEY": "k"}) == [
        (
            "cascade.yaml:5:15: tiers.flash.base_url: the environment variable URL is not set; "
            "export URL=..., or write ${URL:-default}"
        )
    ]


def test_work_that_calls_no_model_needs_no_variables(write: Write) -> None:
    config = load(write(WITH_KEYS.replace("base_url: ${URL}", "base_url: https://x")), env={}, need_env=False)
    assert config.tiers["flash"].model == "deepseek-flash"
    text = MINIMAL + "policy: {use: '${WHICH}'}\n"
    with pytest.raises(ConfigError, match="WHICH"):
        load(write(text), env={})


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("${A}", "1"),
        ("${A}${A}", "11"),
        ("${EMPTY}", ""),
        ("${EMPTY:-d}", "d"),
        ("${NO:-}", ""),
        ("${NO:-a:-b c}", "a:-b c"),
        ("$${A}", "${A}"),
        ("$A $ {A} }{", "$A $ {A} }{"),
    ],
)
def test_the_forms_of_a_variable(text: str, filled: str) -> None:
    assert Variables({"A": "1", "EMPTY": ""}, need=True, problems=[]).fill(text) == filled


@pytest.mark.parametrize("text", ["${}", "${A:b}", "${1A}", "${A", "${A-b}", "${ A }"])
def test_what_names_no_variable_is_refused(text: str, problems: Problems) -> None:
    found = problems(MINIMAL + f"system_prompt: '{text}'\n", env={"A": "1"})
    assert len(found) == 1
    assert "names no variable; write ${NAME}" in found[0]


@given(st.text())
def test_a_value_cannot_become_structure(value: str) -> None:
    """Whatever a variable holds, it stays the text of one scalar, and is not filled in again."""
    data = {"a": ["${V}"], "b": 1}
    assert Variables({"V": value, "W": "w"}, need=True, problems=[]).fill(data) == {"a": [value], "b": 1}


def test_the_hash_changes_with_settings_and_not_with_secrets_or_places(write: Write) -> None:
    first = loaded(write(WITH_KEYS, "a.yaml"), env=ENV)
    assert (
        loaded(write("# moved\n" + WITH_KEYS, "b.yaml"), env={**ENV, "KEY": "other"}).sha256 == first.sha256
    )
    assert loaded(write(WITH_KEYS + "show_tests: true\n"), env=ENV).sha256 != first.sha256


def test_paths_are_of_the_configs_folder_and_dumped_relative_to_it(write: Write) -> None:
    path = write(MINIMAL + "trace: {path: traces/}\nbudget: {file: /var/shared.json}\n")
    config = loaded(path)
    assert config.trace.path == path.parent / "traces"
    assert config.public_dump()["trace"]["path"] == "traces"
    assert config.public_dump()["budget"]["file"] == "/var/shared.json"


def test_a_public_dump_is_a_config_again(write: Write) -> None:
    config = loaded(write(WITH_KEYS), env=ENV)
    again = loaded(write(json.dumps(config.public_dump()), "again.yaml"), env=ENV)
    assert again.sha256 == config.sha256


def test_the_default_config_is_the_pair_of_the_design(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", SECRET)
    config = default_config()
    assert config.tier_names == ("flash", "pro")
    assert [tier.model for tier in config.tiers.values()] == ["deepseek-flash", "deepseek-v4-pro"]
    assert SECRET not in repr(config) + json.dumps(config.public_dump())
    assert isinstance(config, Config)


def test_a_config_built_in_python_is_checked_as_a_file_is() -> None:
    with pytest.raises(ConfigError) as caught:
        from_mapping(
            {"version": 1, "tiers": {"a": {"model": "x"}}, "policy": {"use": "fixed", "order": ["b"]}}
        )
    assert [line.split(":")[0] for line in caught.value.problems] == [
        "tiers",
        "tiers.a.base_url",
        "policy.order[0]",
    ]


def test_config_itself_refuses_what_does_not_hang_together() -> None:
    tier = TierConfig(model="deepseek-flash", base_url="https://x.example.com")
    right = Config(version=1, tiers={"a": tier, "b": tier}, policy=FixedPolicy(use="fixed", order=("a", "b")))
    assert right.tier_names == ("a", "b")
    with pytest.raises(ConfigError, match=r"policy.order\[0\]: there is no tier c"):
        Config(version=1, tiers={"a": tier, "b": tier}, policy=FixedPolicy(use="fixed", order=("c",)))
    with pytest.raises(ConfigError, match=r"tiers.b.recording: is missing"):
        Config(version=1, tiers={"a": tier, "b": TierConfig(model="x", provider="recorded")})
    lost = default_graph().model_copy(update={"start": "nowhere"})
    with pytest.raises(ConfigError, match=r"graph.start: there is no node nowhere"):
        Config(version=1, tiers={"a": tier, "b": tier}, graph=lost)
