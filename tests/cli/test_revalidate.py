"""Recorded answers through changed validators: a check that sees less accepts more, and nothing is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import DATA, Command, Demo
from tests.cli.test_truth import answers

CONFIG = """\
version: 1
tiers:
  flash: {{provider: recorded, model: flash, recording: {data}/flash.jsonl.gz, price: unknown}}
  pro: {{provider: recorded, model: pro, recording: {data}/pro.jsonl.gz, price: unknown}}
classifier: rules
policy: {{use: fixed, order: [flash]}}
validators: {validators}
"""


async def test_answers_are_checked_again_by_the_configs_validators(
    here: Command, demo: Demo, tmp_path: Path
) -> None:
    """Without their tests all answers pass: that some of these are wrong is seen by the truth."""
    made = [one for one in answers(demo.trace) if (one["tier"], one["tier_attempt"]) == ("flash", 1)]
    right = sum(one["verdict"] == "passed" for one in made)
    truth = tmp_path / "truth.csv"
    rows = [f"{one['task_id']},{int(one['verdict'] == 'passed')},flash,1" for one in made]
    truth.write_text("\n".join(["task_id,outcome,model,attempt", *rows]) + "\n")
    for name, validators in (("less", "[syntax]"), ("same", "[syntax, pytest]")):
        (tmp_path / f"{name}.yaml").write_text(CONFIG.format(data=DATA, validators=validators))

    async def success(config: str, *words: object) -> float:
        ended = await here("replay", demo.trace, "-c", config, *words, "--json")
        assert ended.code == 0, ended.err
        share: float = ended.document["policies"][0]["success"]
        return share

    assert await success("same.yaml", "--revalidate") == await success("same.yaml")
    assert await success("same.yaml") == pytest.approx(right / len(made))
    assert await success("less.yaml", "--revalidate") == 1.0
    held = await here("replay", demo.trace, "-c", "less.yaml", "--revalidate", "--truth", truth, "--json")
    assert held.document["policies"][0]["success"] == right / len(made) < 1
    assert held.document["checks"]["learnt"]["rejects_wrong"]["share"] < 1
