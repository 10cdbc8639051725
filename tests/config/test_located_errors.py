"""Every mistake is told with file, line and column, what is wrong and how to mend it; all in one run."""

from __future__ import annotations

from pathlib import Path

import pytest

from cascade.config import BUILT_IN, load
from cascade.errors import ConfigError
from cascade.validators import catalog
from tests.config.conftest import MINIMAL, Problems, Write

FAULTS = [
    # (text to add or replace, what the one line must say)
    ("validatrs: [ruff]", "cascade.yaml:9:1: validatrs: is not a known key here; did you mean validators?"),
    ("validators: [ruf]", "cascade.yaml:9:14: validators[0]: ruf is not known; did you mean ruff?"),
    (
        "show_tests: no",
        "cascade.yaml:9:13: show_tests: must be true or false, and is text ('no'); write false",
    ),
    ("show_tests: 1", "cascade.yaml:9:13: show_tests: must be true or false, and is a number (1)"),
    ("budget: {total_usd: -1}", "cascade.yaml:9:21: budget.total_usd: must be more than 0, and is -1"),
    ("budget: {total_usd: lots}", "cascade.yaml:9:21: budget.total_usd: must be an amount (a number)"),
    ("budget: {total_usd: true}", "cascade.yaml:9:21: budget.total_usd: must be an amount (a number)"),
    ("budget:", "cascade.yaml:9:1: budget: is empty; write a value, or remove the key"),
    ("budget: 5", "cascade.yaml:9:9: budget: must be a mapping, and is a number (5)"),
    (
        "policy: {use: expectedvalue}",
        "cascade.yaml:9:15: policy.use: expectedvalue is not known; did you mean",
    ),
    ("policy: {use: threshold, start: 2}", "cascade.yaml:9:33: policy.start: must be at most 1, and is 2"),
    (
        "policy: {use: threshold, attempts: {flsh: 1}}",
        "cascade.yaml:9:37: policy.attempts.flsh: there is no such tier; did you mean flash?",
    ),
    (
        "policy: {use: expected_value, explore: thomson}",
        "cascade.yaml:9:40: policy.explore: must be thompson",
    ),
    (
        "policy: {use: expected_value, explore: 2}",
        "cascade.yaml:9:40: policy.explore: must be at most 1, and is 2",
    ),
    ("policy: {use: fixed}", "cascade.yaml:9:1: policy.order: is missing; add `order: ...`"),
    (
        "policy: {use: fixed, order: [flash, prp]}",
        "cascade.yaml:9:37: policy.order[1]: there is no tier prp; did you mean pro?",
    ),
    (
        "sandbox: {use: docker}",
        "cascade.yaml:9:16: sandbox.use: must be auto, landlock, bwrap, container or none",
    ),
    (
        "trace: {content: 012}",
        "cascade.yaml:9:18: trace.content: 012 may be read as octal or as decimal; write 12",
    ),
    (
        "sandbox: {wall_s: .inf}",
        "cascade.yaml:9:19: sandbox.wall_s: .inf is not a number that can stand here",
    ),
    ("version: 1", "cascade.yaml:9:1: version: stands here a second time (first in line 1); remove one"),
    ("show_tests: !!python/name:os.system ''", "cascade.yaml:9:13: show_tests: the tag"),
    (
        "system_prompt: 5",
        "cascade.yaml:9:16: system_prompt: must be text, and is a number (5); put it in quotes",
    ),
    (
        "validators: [mypy, mypy]",
        "cascade.yaml:9:20: validators[1]: a validator called mypy stands here already",
    ),
    (f"sandbox: {{cpu_s: {'9' * 5000}}}", "cascade.yaml:9:18: sandbox.cpu_s: '999"),
    (f"sandbox: {{cpu_s: 0x{'F' * 5000}}}", "cascade.yaml:9:18: sandbox.cpu_s: '0xFFF"),
    (
        "trace: {sinks: [opentelmetry]}",
        "cascade.yaml:9:17: trace.sinks[0]: opentelmetry is not known; did you mean",
    ),
    (
        "project: {context: ['src/*', /etc]}",
        "cascade.yaml:9:30: project.context[1]: '/etc' is not relative to the workspace; write a relative path",
    ),
    ("project: {context: src}", "cascade.yaml:9:20: project.context: must be a list, and is text ('src')"),
    (
        "project: {answer_tests: true}",
        "cascade.yaml:9:25: project.answer_tests: must be fail, warn or ignore, and is True",
    ),
    ("project: {python: ''}", "cascade.yaml:9:19: project.python: is empty"),
    ("? [a]\n: 1", "cascade.yaml:9:3: a key must be text"),
    ("budget: {file: ''}", "cascade.yaml:9:16: budget.file: must be a path"),
]


@pytest.mark.parametrize(("added", "said"), FAULTS)
def test_one_mistake_gives_one_located_line(added: str, said: str, problems: Problems) -> None:
    found = problems(MINIMAL + added + "\n")
    assert len(found) == 1, found
    assert found[0].startswith(said)


def test_a_context_that_a_tier_cannot_read_is_located(problems: Problems) -> None:
    text = MINIMAL.replace("  pro:", "    context_tokens: 5000\n  pro:") + "project: {context_tokens: 6000}\n"
    (found,) = problems(text)
    assert "project.context_tokens: 6000 is more than tiers.flash reads (5000 tokens)" in found


TIER_FAULTS = [
    ("model: 12", "tiers.flash.model: must be text, and is a number (12); put it in quotes"),
    ("modell: x", "tiers.flash.modell: is not a known key here; did you mean model?"),
    (
        "base_url: localhost:8000",
        "tiers.flash.base_url: 'localhost:8000' is not an address; write https://HOST/...",
    ),
    ("provider: opnai", "tiers.flash.provider: opnai is not known; did you mean openai?"),
    ("provider: recorded", "tiers.flash.recording: is missing; add recording: FILE.jsonl"),
    ("price: free", "tiers.flash.price: must be auto or unknown, and is 'free'"),
    ("price: {input: 1}", "tiers.flash.price.output: is missing"),
    ("history: some", "tiers.flash.history: must be full, last, diagnostics or none, and is 'some'"),
    (
        "history: {retry: none, escalate: full}",
        "tiers.flash.history.escalate: is not a known key here; did you mean",
    ),
    ("max_output_tokens: 0", "tiers.flash.max_output_tokens: must be at least 1, and is 0"),
    (
        'max_output_tokens: "5"',
        "tiers.flash.max_output_tokens: must be a whole number, and is text ('5'); remove",
    ),
    ("temperature: hot", "tiers.flash.temperature: must be a number, and is text ('hot')"),
    ("thinking: yes", "tiers.flash.thinking: must be enabled or disabled, and is 'yes'"),
    ("fallbacks: {model: x}", "tiers.flash.fallbacks: must be a list, and is a mapping"),
    (
        "fallbacks: [{model: x, provider: 'm:P'}]",
        "tiers.flash.fallbacks[0].provider: fallbacks stand in for each",
    ),
    ("fallbacks: [{model: x}]", "tiers.flash.fallbacks[0].base_url: is missing"),
    ("limits: {concurrency: 0}", "tiers.flash.limits.concurrency: must be at least 1, and is 0"),
]


@pytest.mark.parametrize(("line", "said"), TIER_FAULTS)
def test_a_mistake_in_a_tier_is_located(line: str, said: str, problems: Problems) -> None:
    key = line.split(":", maxsplit=1)[0]
    kept = [one for one in MINIMAL.splitlines()[3:5] if not one.strip().startswith(f"{key}:")]
    text = "\n".join(["version: 1", "tiers:", "  flash:", f"    {line}", *kept, *MINIMAL.splitlines()[5:]])
    found = problems(text + "\n")
    assert len(found) == 1, found
    assert found[0].split(": ", 1)[1].startswith(said)
    assert found[0].startswith("cascade.yaml:4:") or "is missing" in said


OPTION_FAULTS = [
    ("{use: ruff, selct: [E]}", "selct: is not a known key here; did you mean select?"),
    ("{use: ruff, select: E}", "select: must be a list, and is text ('E')"),
    ("{use: pytest, timeout_s: -1}", "timeout_s: must be more than 0, and is -1"),
    ("{use: pytest, timeout_s: '5'}", "timeout_s: must be a number, and is text ('5'); remove the quotes"),
    ("command", "run: is missing"),
    ("{use: command, name: x, run: []}", "run: needs at least 1, and has 0"),
    ("{use: command, name: x, run: [a], parse: text}", "parse: names no way to read the output; write sarif"),
    ("{use: eslint, files: 5}", "files: must be a list, and is a number (5)"),
    ("{use: callable, function: 5}", "function: must be text, and is a number (5)"),
]


@pytest.mark.parametrize(("validator", "said"), OPTION_FAULTS)
def test_a_validators_options_are_checked_where_they_stand(
    validator: str, said: str, problems: Problems
) -> None:
    found = problems(MINIMAL + f"validators: [syntax, {validator}]\n")
    assert found, "not refused"
    place, told = found[0].split(": validators[1].", 1)
    assert told.startswith(said)
    assert place.startswith("cascade.yaml:9:")


def test_the_names_of_validators_are_those_of_the_catalogue() -> None:
    assert set(BUILT_IN["validators"]) == set(catalog.built_in())


def test_a_ready_entry_can_be_changed_in_one_option(problems: Problems) -> None:
    assert problems(MINIMAL + "validators: [{use: eslint, timeout_s: 5}]\n") == []
    assert problems(MINIMAL + "validators: [{use: command, name: x, run: [a], parse: sarif}]\n") == []
    assert (
        problems(MINIMAL + "validators: [{use: command, name: x, run: [a], parse: {json: {items: r}}}]\n")
        == []
    )


def test_all_mistakes_come_in_one_run_in_the_order_of_the_file(problems: Problems) -> None:
    found = problems(
        "version: 2\ntiers: {a: {model: 1}}\nvalidators: [x]\npolicy: {use: fixed, order: [b]}\n"
    )
    assert [line.split(": ")[1] for line in found] == [
        "version",
        "tiers",
        "tiers.a.base_url",
        "tiers.a.model",
        "validators[0]",
        "policy.order[0]",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "cascade.yaml:1:1: the file is empty"),
        (b"# nothing\n", "cascade.yaml:1:1: the file is empty"),
        (b"[]", "cascade.yaml:1:1: must be a mapping"),
        (b"just words", "cascade.yaml:1:1: must be a mapping"),
        (b"version: 1\n\ttiers: 2\n", "cascade.yaml:2:1: is not YAML: found character '\\t'"),
        (b"version: [1\n", "cascade.yaml:2:1: is not YAML:"),
        (b"version: 1\n---\nversion: 1\n", "cascade.yaml:2:1: is not YAML: there is a second document"),
        (b"version: *nowhere\n", "cascade.yaml:1:10: is not YAML: found undefined alias"),
        (b"version: 1\nx: \x00\n", "cascade.yaml:2:4: the character U+0000 may not stand in YAML"),
        (b"version: 1\nx: \xff\n", "cascade.yaml:2: the config is not UTF-8 (byte 0xff at offset 14)"),
        (b"version: &a [*a]\n", "cascade.yaml:1:10: version[0]: an anchor contains itself"),
        (b"[" * 5000, "cascade.yaml:1:1: is nested too deeply"),
        (b'x: "\\U7fffffff"\n', "cascade.yaml:1:1: is not YAML:"),
    ],
)
def test_what_is_no_config_at_all_has_one_clear_line(text: bytes, said: str, problems: Problems) -> None:
    found = problems(text)
    assert len(found) == 1, found
    assert found[0].startswith(said)


def test_anchors_cannot_explode(problems: Problems) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    found = problems("\n".join(lines))
    assert any("too large or too deep when its anchors are written out" in line for line in found)


def test_a_file_that_cannot_be_read_is_a_config_error(tmp_path: Path, write: Write) -> None:
    with pytest.raises(ConfigError, match=r"no\.yaml: cannot read the config: no such file"):
        load(tmp_path / "no.yaml")
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(ConfigError, match="is a directory"):
        load(tmp_path / "folder.yaml")
    with pytest.raises(ConfigError, match=r"the ending \.json is not known"):
        load(write("{}", "x.json"))


def test_merge_keys_share_settings_and_keep_their_places(problems: Problems, write: Write) -> None:
    shared = "version: 1\ntiers:\n  a: &a {model: x, base_url: 'https://h'}\n  b: {<<: *a, model: y}\n"
    assert problems(shared) == []
    assert load(write(shared), env={}).tiers["b"].model == "y"
    found = problems(shared.replace("'https://h'", "12"))
    assert [line.split(": ")[0] for line in found] == ["cascade.yaml:3:30", "cascade.yaml:3:30"]


def test_missing_recordings_are_found_before_a_run_but_not_for_replay(write: Write) -> None:
    text = MINIMAL.replace(
        "    model: deepseek-flash\n    base_url: https://api.example.com",
        "    model: deepseek-flash\n    provider: recorded\n    recording: [here.jsonl, no.jsonl]",
    )
    path = write(text)
    (path.parent / "here.jsonl").write_text("{}")
    with pytest.raises(
        ConfigError, match=r"cascade.yaml:6:29: tiers.flash.recording\[1\]: no such file: no.jsonl"
    ):
        load(path)
    assert load(path, need_env=False).tiers["flash"].recording[0] == path.parent / "here.jsonl"
