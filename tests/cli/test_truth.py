"""Ground truth from end to end: a run over real HTTP, its answers labelled, learnt from, replayed and tuned."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cascade.testing import ScriptedServer
from tests.cli.conftest import ROOT, Command

TASKS = ROOT / "examples" / "tasks.jsonl"
Config = Callable[..., Path]


def answers(trace: Path) -> list[dict[str, object]]:
    """Every checked answer: task, tier, its how-manieth there, verdict."""
    made, found = {}, []
    for line in trace.read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "attempt.finished":
            made[event["task_id"], event["attempt"]] = event
        elif event["event"] == "validation.finished":
            one = made[event["task_id"], event["attempt"]]
            found.append(
                {**{k: one[k] for k in ("task_id", "tier", "tier_attempt")}, "verdict": event["verdict"]}
            )
    return found


async def test_a_run_is_labelled_and_its_checks_are_judged(
    command: Command, server: ScriptedServer, config: Config, tmp_path: Path
) -> None:
    trace, declared = tmp_path / "t.jsonl", config()
    await command("run", TASKS, "-c", declared, "--trace", trace)
    told = answers(trace)
    wrong = {str(one["task_id"]) for one in told if one["verdict"] == "passed"}
    passed_but_wrong = min(wrong)
    rows = [
        f"{one['task_id']},{int(one['verdict'] == 'passed' and one['task_id'] != passed_but_wrong)},"
        f"{one['tier']},{one['tier_attempt']}"
        for one in told
    ]
    truth = tmp_path / "truth.csv"
    truth.write_text("\n".join(["task_id,outcome,model,attempt", *rows]) + "\n")

    before = await command("replay", trace, "-c", declared, "--json")
    beside = await command("replay", trace, "-c", declared, "--truth", truth, "--json")
    labelled = await command("trace", "label", trace, truth, "--source", "review", "--json")
    assert labelled.document == {"added": len(told), "changed": 0, "known": 0}
    after = await command("replay", trace, "-c", declared, "--json")
    n = before.document["n_tasks"]
    assert after.document == beside.document
    lost = before.document["policies"][0]["success"] - after.document["policies"][0]["success"]
    assert lost == pytest.approx(1 / n)
    assert after.document["policies"][0]["cost_usd"] == before.document["policies"][0]["cost_usd"]
    learnt = after.document["checks"]["learnt"]
    assert learnt["accepts_right"]["share"] == 1.0
    failed = sum(one["verdict"] == "failed" for one in told)
    assert learnt["rejects_wrong"]["share"] == failed / (failed + 1)

    report = await command("report", trace, "--json")
    assert report.document["checks"] == after.document["checks"]
    whole = await command("trace", "verify", trace)
    assert whole.code == 0, whole.out
    table = tmp_path / "o.csv"
    await command("trace", "export", trace, "--outcomes", table)
    again = await command("report", trace)
    assert "the checks accept 100.0%" in again.out
    assert table.read_text().splitlines()[0].count("verdict:") == 3
    trained = await command("train", trace, "-o", tmp_path / "c.json", "--json")
    assert trained.code == 0, trained.err


async def test_a_truth_that_fits_no_answer_exits_2_and_says_where(
    command: Command, server: ScriptedServer, config: Config, tmp_path: Path
) -> None:
    trace, truth = tmp_path / "t.jsonl", tmp_path / "truth.csv"
    await command("run", "Write add(a, b).", "-c", config(), "--trace", trace)
    truth.write_text("task_id,outcome\nno-such-task,1\n")
    for words in (("replay", trace, "-c", config(), "--truth", truth), ("trace", "label", trace, truth)):
        ended = await command(*words)
        assert ended.code == 2
        assert "truth.csv:2: the trace has no task 'no-such-task'" in ended.err
        assert "Traceback" not in ended.err


async def test_changed_validators_are_held_against_the_truth(command: Command, tmp_path: Path) -> None:
    """Recorded answers, checked again without their tests, pass: that some of these are wrong is seen."""
    trace, declared = tmp_path / "t.jsonl", tmp_path / "c.yaml"
    declared.write_text(
        "version: 1\n"
        "tiers:\n"
        f"  flash: {{provider: recorded, model: flash, recording: {ROOT}/examples/humaneval/flash.jsonl.gz, "
        "price: unknown}\n"
        f"  pro: {{provider: recorded, model: pro, recording: {ROOT}/examples/humaneval/pro.jsonl.gz, "
        "price: unknown}\n"
        "classifier: rules\nvalidators: [syntax]\npolicy: {use: fixed, order: [flash]}\n"
    )
    await command("demo", "--limit", 12, "--trace", trace, "--json")
    told = [one for one in answers(trace) if (one["tier"], one["tier_attempt"]) == ("flash", 1)]
    truth = tmp_path / "truth.csv"
    rows = [f"{one['task_id']},{int(one['verdict'] == 'passed')},flash,1" for one in told]
    truth.write_text("\n".join(["task_id,outcome,model,attempt", *rows]) + "\n")
    ended = await command("replay", trace, "-c", declared, "--revalidate", "--truth", truth, "--json")
    assert ended.code == 0, ended.err
    right = sum(one["verdict"] == "passed" for one in told)
    assert ended.document["policies"][0]["success"] == right / len(told) < 1
    assert ended.document["checks"]["learnt"]["rejects_wrong"]["share"] < 1
