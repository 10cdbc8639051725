"""A config with a judge is replayed as it would have run: the same decisions and answers; in words where not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cascade.classifiers.artifact import save
from cascade.cli.main import cli
from cascade.errors import SupportError, UsageError
from cascade.graph import compile_graph, invoke
from cascade.policy.base import Policy
from cascade.policy.expected_value import Conditions, ExpectedValuePolicy
from cascade.policy.fixed import FixedPolicy
from cascade.policy.judge import Judge
from cascade.policy.threshold import ThresholdPolicy
from cascade.replay.engine import play
from cascade.replay.judged import judged_anew, on_judge
from cascade.replay.policy_plan import PolicyPlan
from cascade.replay.read_trace import read_episodes
from cascade.replay.table import OutcomeTable
from cascade.trace.events import Event, ValidationFinished
from cascade.trace.reader import read_trace
from cascade.trace.sink import JsonLinesSink
from cascade.types import Result, Task
from tests.machine.doubles import Machine
from tests.machine.test_judge import BROKEN, UNCLEAR, Reading
from tests.policy.judges import RIGHT, WRONG, artifact, judge

FLASH = (RIGHT, WRONG, BROKEN, WRONG, UNCLEAR, RIGHT)
TRUTH = {RIGHT: 1.0, WRONG: 0.0, BROKEN: 0.0, UNCLEAR: 1.0}
BOTH = ThresholdPolicy(0.0, default_attempts=1)
ONCE = Conditions(per_tier={"flash": 1, "pro": 1})
POLICIES: list[Policy] = [
    BOTH,
    FixedPolicy(["flash"]),
    ExpectedValuePolicy(50.0, conditions=ONCE),
    ExpectedValuePolicy(1e-5, conditions=ONCE),
]


async def logged(path: Path, policy: Policy, asked: Judge | None, *, content: str = "full") -> list[Result]:
    """Six tasks, flash's answers as scripted, pro's all right."""
    results = []
    sink = JsonLinesSink(path)
    for number, answer in enumerate(FLASH):
        machine = Machine(flash=[answer], pro=[RIGHT], checks=Reading(), judge=asked, policy=policy)
        services = replace(machine.services, sink=sink, content=content)  # type: ignore[arg-type]
        results.append(await invoke(compile_graph(services), Task(prompt="2 + 2?", id=f"t{number}")))
    sink.close()
    return results


def rewritten(path: Path, asked: Judge) -> list[Event]:
    """The trace with this judge's word, written in its place."""
    events = judged_anew(read_trace(path).events, asked)
    path.write_text("".join(f"{event.model_dump_json(by_alias=True)}\n" for event in events))
    return events


def with_truth(path: Path) -> OutcomeTable:
    """The trace as a table that knows what is right."""
    table = read_episodes(path).table
    outcome, accepted = np.full_like(table.outcome, np.nan), table.outcome.copy()
    for k, arm in enumerate(table.arms):
        truth = [TRUTH[answer] if arm.tier == "flash" else 1.0 for answer in FLASH]
        seen = np.isfinite(table.cost[:, k])
        outcome[seen, k] = np.array(truth)[seen]
    return replace(table, outcome=outcome, accepted=accepted)


@pytest.mark.parametrize("policy", POLICIES, ids=["threshold", "fixed", "dear", "nothing"])
async def test_a_replay_comes_to_what_a_run_came_to(tmp_path: Path, policy: Policy) -> None:
    everything = tmp_path / "all.jsonl"
    await logged(everything, BOTH, judge(accept=1.0, others=("pro",)))
    rewritten(everything, judge(others=("pro",)))
    table = on_judge(with_truth(everything))
    played = play(table, PolicyPlan(policy, ("flash", "pro"), accept=0.6))
    results = await logged(tmp_path / "run.jsonl", policy, judge(others=("pro",)))
    assert played.cost == pytest.approx([float(one.cost_usd or 0) for one in results])
    right = [TRUTH[one.output] if one.tier == "flash" else float(one.tier == "pro") for one in results]
    assert played.success == pytest.approx(right)


async def test_a_log_without_a_judge_is_judged_from_its_answers(tmp_path: Path) -> None:
    plain, judged = tmp_path / "plain.jsonl", tmp_path / "judged.jsonl"
    await logged(plain, BOTH, None)
    await logged(judged, BOTH, judge(others=("pro",)))

    def told(events: list[Event]) -> dict[str | None, float | None]:
        checked = [one for one in events if isinstance(one, ValidationFinished) and one.tier == "flash"]
        return {one.task_id: one.judged.p if one.judged else None for one in checked}

    assert told(rewritten(plain, judge(others=("pro",)))) == told(read_trace(judged).events)
    assert None not in told(read_trace(judged).events).values()


async def test_hashes_are_enough_where_the_same_judge_was_asked_and_only_there(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    await logged(path, BOTH, judge(), content="hash")
    before = read_trace(path).events
    assert judged_anew(before, judge(accept=0.9)) == before
    with pytest.raises(SupportError, match=r"hashes of its contents only, and no judge .* pro's answers"):
        judged_anew(before, judge("pro"))


async def test_what_is_right_must_be_known_apart_from_what_passed(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    await logged(path, BOTH, judge())
    with pytest.raises(SupportError, match="does not say which of these are right"):
        on_judge(read_episodes(path).table)
    await logged(tmp_path / "none.jsonl", BOTH, None)
    with pytest.raises(SupportError, match="has no answer of the tiers"):
        on_judge(with_truth(tmp_path / "none.jsonl"))


CONFIG = """version: 1
tiers:
  flash: {model: f, base_url: http://localhost/v1, price: unknown}
  pro: {model: p, base_url: http://localhost/v1, price: unknown}
judge: {artifact: judge.json, accept: 0.6}
policy: {use: threshold, start: 0, attempts: {flash: 1, pro: 1}}
"""


async def test_the_command_replays_a_config_with_a_judge(tmp_path: Path) -> None:
    path, config, truth = tmp_path / "t.jsonl", tmp_path / "c.yaml", tmp_path / "truth.csv"
    results = await logged(path, BOTH, judge(accept=1.0))
    save(artifact("flash", "pro"), tmp_path / "judge.json")
    config.write_text(CONFIG)
    rows = [(one.id, made) for one in results for made in one.attempts]
    told = "".join(
        f"{task},{made.tier},1,{TRUTH[made.output] if made.tier == 'flash' else 1.0:.0f}\n"
        for task, made in rows
    )
    truth.write_text(f"task_id,model,attempt,outcome\n{told}")
    given = ["replay", str(path), "-c", str(config), "--json"]
    done = CliRunner().invoke(cli, [*given, "--truth", str(truth)], catch_exceptions=False)
    found = json.loads(done.stdout)
    runs = await logged(tmp_path / "run.jsonl", BOTH, judge())
    assert found["estimator"] == "exact"
    assert (
        found["policies"][0]["success"] == 1.0
    )  # what could not be checked is given back, and is right here
    costs = [float(one.cost_usd or 0) for one in runs]
    assert found["policies"][0]["cost_usd"] == pytest.approx(sum(costs) / len(costs))
    with pytest.raises(SupportError, match="does not say which of these are right"):
        CliRunner().invoke(cli, given, catch_exceptions=False)
    with pytest.raises(UsageError, match="holds no answers to judge"):
        CliRunner().invoke(cli, ["replay", str(truth), "-c", str(config)], catch_exceptions=False)
