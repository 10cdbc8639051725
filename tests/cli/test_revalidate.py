"""Recorded answers through changed validators: a check that sees less accepts more, and nothing is called."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import DATA, Command

CONFIG = """\
version: 1
tiers:
  flash: {{provider: recorded, model: flash, recording: {data}/flash.jsonl.gz, price: unknown}}
  pro: {{provider: recorded, model: pro, recording: {data}/pro.jsonl.gz, price: unknown}}
classifier: rules
policy: {{use: fixed, order: [flash]}}
validators: {validators}
"""


async def test_answers_are_checked_again_by_the_configs_validators(command: Command, tmp_path: Path) -> None:
    trace, before = tmp_path / "demo.jsonl", tmp_path
    await command("demo", "--limit", 10, "--trace", trace, "--json")
    told = {}
    for name, validators in (("less", "[syntax]"), ("same", "[syntax, ruff, mypy, pytest]")):
        config = before / f"{name}.yaml"
        config.write_text(CONFIG.format(data=DATA, validators=validators))
        ended = await command("replay", trace, "-c", config, "--revalidate", "--json")
        assert ended.code == 0, ended.err
        told[name] = ended.document["policies"][0]["success"]
    logged = await command("replay", trace, "-c", before / "same.yaml", "--json")
    assert told["same"] == logged.document["policies"][0]["success"] == 0.9
    assert told["less"] == 1.0
