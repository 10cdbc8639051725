"""Ground truth from end to end: a run, its answers labelled, learnt from and replayed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Demo

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
    here: Command, demo: Demo, config: Config, tmp_path: Path
) -> None:
    trace, declared = Path(shutil.copy(demo.trace, tmp_path)), config()
    await says_where_a_truth_fits_no_answer(here, trace, declared)
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

    before = await here("replay", trace, "-c", declared, "--json")
    beside = await here("replay", trace, "-c", declared, "--truth", truth, "--json")
    labelled = await here("trace", "label", trace, truth, "--source", "review", "--json")
    assert labelled.document == {"added": len(told), "changed": 0, "known": 0}
    after = await here("replay", trace, "-c", declared, "--json")
    n = before.document["n_tasks"]
    assert after.document == beside.document
    lost = before.document["policies"][0]["success"] - after.document["policies"][0]["success"]
    assert lost == pytest.approx(1 / n)
    assert after.document["policies"][0]["cost_usd"] == before.document["policies"][0]["cost_usd"]
    learnt = after.document["checks"]["learnt"]
    assert learnt["accepts_right"]["share"] == 1.0
    failed = sum(one["verdict"] == "failed" for one in told)
    assert learnt["rejects_wrong"]["share"] == failed / (failed + 1)

    report = await here("report", trace, "--json")
    assert report.document["checks"] == after.document["checks"]
    whole = await here("trace", "verify", trace)
    assert whole.code == 0, whole.out
    table = tmp_path / "o.csv"
    await here("trace", "export", trace, "--outcomes", table)
    again = await here("report", trace)
    assert "the checks accept 100.0%" in again.out
    assert table.read_text().splitlines()[0].count("verdict:") == 4
    trained = await here("train", trace, "-o", tmp_path / "c.json", "--json")
    assert trained.code == 0, trained.err


async def says_where_a_truth_fits_no_answer(here: Command, trace: Path, declared: Path) -> None:
    wrong = trace.parent / "wrong.csv"
    wrong.write_text("task_id,outcome\nno-such-task,1\n")
    for words in (("replay", trace, "-c", declared, "--truth", wrong), ("trace", "label", trace, wrong)):
        ended = await here(*words)
        assert ended.code == 2
        assert "wrong.csv:2: the trace has no task 'no-such-task'" in ended.err
        assert "Traceback" not in ended.err
