"""What shadows are good for: exact figures on a random sample, beside the off-policy estimate or in its place."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from cascade import Task
from cascade.cli.replay import replay
from cascade.cli.train_trace import from_trace
from cascade.cli.tune import tune
from cascade.errors import SupportError
from cascade.models.base import ModelRequest
from cascade.models.scripted import ScriptedModel
from cascade.policy.steps import Step
from cascade.replay.engine import play
from cascade.replay.episodes import Episodes
from cascade.replay.log import read_log
from cascade.replay.plans import FixedPlan
from cascade.replay.replay import figures_document
from cascade.replay.sample import Sample
from cascade.replay.shadows import known_of, replay_logged, whole_sample
from cascade.replay.table import OutcomeTable
from cascade.trace.events import EVENT, Event
from cascade.trace.outcomes import write_outcomes
from cascade.trace.reader import read_trace
from cascade.types import Candidate, CheckStatus, Report, Verdict
from tests.integrations.conftest import BAD, GOOD, Rig
from tests.laws import first
from tests.replay.worlds import logged, world

Build = Callable[..., Rig]
CHEAP, STRONG = Step("cheap"), Step("middle")
FRESH = ("cheap", "middle")
PLANS = [FixedPlan((STRONG,)), FixedPlan((CHEAP, STRONG)), FixedPlan((STRONG, CHEAP))]


def shadowed(table: OutcomeTable, seed: int, *, rate: float, explore: float = 0.0) -> Episodes:
    """Decisions on a table, of whose tasks a share is drawn and known altogether."""
    episodes = logged(table, seed, explore=explore)
    rows = np.random.default_rng(seed + 10_000).random(len(table)) < rate
    outcome = np.where(rows[:, None], table.outcome, episodes.table.outcome)
    cost = np.where(rows[:, None], table.cost, episodes.table.cost)
    sample = Sample(rows=rows, tiers=FRESH, rate=rate, drawn=len(table))
    return replace(episodes, table=replace(episodes.table, outcome=outcome, cost=cost), sample=sample)


@pytest.mark.parametrize("plan", first(PLANS), ids=lambda plan: plan.label)
def test_the_samples_figures_are_unbiased_and_cover(plan: FixedPlan) -> None:
    """300 logs that never explored; 0.95 less 4 standard errors is 0.90."""
    truth = play(world(0, 100_000, 2), plan)
    want = {"success": float(truth.success.mean()), "cost_usd": float(truth.cost.mean())}
    found: dict[str, list[tuple[float, bool]]] = {name: [] for name in want}
    for seed in range(300):
        episodes = shadowed(world(seed + 1, 300, 2), seed, rate=0.4)
        assert episodes.sample is not None
        known = known_of(episodes.table, episodes.sample, plan)
        figures = figures_document(replay_logged_figures(known.table, plan))
        for name, value in want.items():
            low, high = figures[f"{name.removesuffix('_usd')}_ci"]
            found[name].append((figures[name], low <= value <= high))
    for name, results in found.items():
        values = np.array([value for value, _ in results])
        error = values.std(ddof=1) / np.sqrt(len(values))
        assert abs(values.mean() - want[name]) < 4 * error
        assert np.mean([inside for _, inside in results]) >= 0.90


def replay_logged_figures(table: OutcomeTable, plan: FixedPlan) -> Any:
    from cascade.replay.baselines import Figures

    return Figures.of(play(table, plan))


def test_where_off_policy_is_refused_the_sample_answers() -> None:
    table = world(3, 500, 2)
    episodes = shadowed(table, 4, rate=0.3)
    assert episodes.sample is not None
    document = replay_logged(episodes, PLANS[0]).document()
    rows = np.flatnonzero(episodes.sample.rows)
    want = play(table.rows(rows), PLANS[0])
    assert (document["estimator"], document["n_tasks"]) == ("shadow", len(rows))
    assert document["policies"][0]["success"] == pytest.approx(want.success.mean())
    assert document["policies"][0]["cost_usd"] == pytest.approx(want.cost.mean())
    names = [one["name"] for one in document["policies"]]
    assert names == ["config", "always:cheap", "always:middle", "random", "fixed", "oracle"]
    (entry,) = document["estimates"]
    assert (entry["name"], entry["n_tasks"]) == ("shadow", len(rows))
    assert document["support"]["kind"] == "shadow"
    assert any("never tried" in note for note in document["support"]["notes"])


def test_where_off_policy_has_support_the_sample_stands_beside() -> None:
    episodes = shadowed(world(5, 600, 2), 6, rate=0.3, explore=0.6)
    document = replay_logged(episodes, PLANS[0]).document()
    assert [one["name"] for one in document["estimates"]] == ["ips", "snips", "dr", "shadow"]
    dr, shadow = document["estimates"][2:]
    assert shadow["n_tasks"] > 100
    assert document["policies"][0]["success"] == dr["success"] != shadow["success"]


def test_runs_of_one_task_count_as_one() -> None:
    """Twice the same log: twice the rows, and the width of one."""
    episodes = shadowed(world(3, 300, 2), 4, rate=0.5)
    assert episodes.sample is not None
    twice = np.tile(np.arange(len(episodes)), 2)
    sample = replace(episodes.sample, rows=episodes.sample.rows[twice], drawn=2 * len(episodes))
    doubled = replace(episodes.rows(twice), sample=sample)
    once, both = (replay_logged(one, PLANS[0]).document() for one in (episodes, doubled))
    assert both["n_tasks"] == once["n_tasks"]
    for figure in ("success", "success_ci", "cost_usd", "cost_ci"):
        assert both["policies"][0][figure] == pytest.approx(once["policies"][0][figure])
        assert both["estimates"][0][figure] == pytest.approx(once["estimates"][0][figure])


def test_too_few_shadows_are_no_answer() -> None:
    with pytest.raises(SupportError, match=r"never tried.*; and shadows cannot tell: \d+ tasks have shadows"):
        replay_logged(shadowed(world(7, 300, 2), 8, rate=0.05), PLANS[0])


def test_what_shadows_do_not_make_is_not_read_from_the_tasks_that_need_it_least() -> None:
    """A retry is known where the log made one. Leaving out the others would leave those that need none."""
    episodes = shadowed(world(9, 400, 2), 10, rate=0.5)
    again = Step("cheap", 2)
    table = episodes.table
    wider = replace(
        table,
        arms=(*table.arms, again),
        outcome=np.column_stack([table.outcome, np.full(len(table), np.nan)]),
        cost=np.column_stack([table.cost, np.full(len(table), np.nan)]),
    )
    with pytest.raises(SupportError, match="what they do not make: cheap attempt 2"):
        replay_logged(replace(episodes, table=wider), FixedPlan((CHEAP, again, STRONG)))


def lacking(episodes: Episodes, share: float) -> Episodes:
    """Some calls of shadows failed."""
    assert episodes.sample is not None
    rows = np.flatnonzero(episodes.sample.rows & np.isnan(episodes.propensity[:, 1]))
    lost = rows[: round(share * episodes.sample.rows.sum())]
    outcome = episodes.table.outcome.copy()
    outcome[lost, 1] = np.nan
    return replace(episodes, table=replace(episodes.table, outcome=outcome))


def test_calls_that_failed_are_left_out_and_what_they_could_change_is_said() -> None:
    episodes = lacking(shadowed(world(11, 500, 2), 12, rate=0.4), 0.05)
    document = replay_logged(episodes, PLANS[0]).document()
    (note,) = [note for note in document["support"]["notes"] if "were all wrong" in note]
    assert document["support"]["share"] == pytest.approx(0.95, abs=0.01)
    assert note.startswith(f"{document['support']['drawn'] - document['n_tasks']} of them lack an outcome")


def test_where_too_many_calls_failed_there_is_no_figure() -> None:
    with pytest.raises(SupportError, match="lack an outcome: a call failed"):
        replay_logged(lacking(shadowed(world(11, 500, 2), 12, rate=0.4), 0.25), PLANS[0])


def test_a_search_takes_the_sample_as_it_is_only_if_all_of_it_is_known() -> None:
    episodes = shadowed(world(13, 400, 2), 14, rate=0.5)
    assert episodes.sample is not None
    whole = whole_sample(episodes)
    assert whole is not None
    assert len(whole) == episodes.sample.rows.sum()
    assert whole_sample(replace(episodes, sample=None)) is None
    only_one = replace(episodes, sample=replace(episodes.sample, tiers=("middle",)))
    assert whole_sample(lacking(only_one, 0.05)) is None, (
        "a tier that shadows do not call is missing by choice"
    )


# From a run to its replay. flash solves even tasks, pro those whose number is no multiple of three.


def solves(number: int, tier: str) -> bool:
    return number % 2 == 0 if tier == "flash" else number % 3 != 0


def answer(request: ModelRequest) -> str:
    return GOOD if solves(int(request.task_id.split("-")[1]), request.tier) else BAD


class Quick:
    """Passes what is good, and runs no tool for it."""

    names = ("quick",)

    async def check(self, task: Task, candidate: Candidate) -> Verdict:
        status: CheckStatus = "passed" if candidate.text == GOOD else "failed"
        return Verdict.of([Report(name="quick", status=status)])


async def trace_of(
    rig: Build, path: Path, numbers: Sequence[int], **shadow: Any
) -> tuple[list[Event], dict[str, bool]]:
    """A traced run without exploration; and which tasks were drawn."""
    policy = {"use": "threshold", "start": 0.0, "attempts": {"flash": 1, "pro": 1}}
    one = rig([GOOD], policy=policy, shadow={"budget_usd": 5, **shadow}, trace_to=path)
    services = one.cascade._wired.services
    object.__setattr__(services, "checks", Quick())
    tiers: Any = services.tiers
    for tier in ("flash", "pro"):
        tiers[tier] = replace(tiers[tier], model=ScriptedModel(answer, model=tier[0]))
    tasks = [Task(id=f"t-{number}", prompt="Print one.", target="a.py") for number in numbers]
    async for _ in one.cascade.run_many(tasks):
        pass
    await one.cascade.aclose()
    events = read_trace(path).events
    return events, {event.task_id or "": event.sampled for event in events if event.event == "shadow.drawn"}


def config_of(folder: Path, order: list[str]) -> Path:
    path = folder / "other.yaml"
    tier = {"base_url": "http://127.0.0.1:9/v1", "price": {"input": 1, "output": 2}}
    declared = {
        "version": 1,
        "tiers": {"flash": {"model": "f", **tier}, "pro": {"model": "p", **tier}},
        "policy": {"use": "fixed", "order": order},
    }
    path.write_text(yaml.safe_dump(declared))
    return path


def ran(command: click.Command, *words: object) -> str:
    """What a command prints."""
    return CliRunner().invoke(command, [*map(str, words)], standalone_mode=False).stdout


async def test_a_traced_run_answers_for_a_tier_that_it_never_chose(rig: Build, tmp_path: Path) -> None:
    trace = tmp_path / "t.jsonl"
    _, drawn = await trace_of(rig, trace, range(120), rate=0.6)
    sampled = [name for name, is_drawn in drawn.items() if is_drawn]
    document = json.loads(ran(replay, trace, "-c", config_of(tmp_path, ["pro"]), "--json"))
    assert (document["estimator"], document["n_tasks"]) == ("shadow", len(sampled))
    want = np.mean([solves(int(name.split("-")[1]), "pro") for name in sampled])
    assert document["policies"][0]["success"] == pytest.approx(want)
    shown = ran(replay, trace, "-c", config_of(tmp_path, ["pro"]))
    assert f"support: a random sample, {len(sampled)} of the {len(sampled)} tasks drawn from 120" in shown


async def test_shadows_are_no_decisions_of_the_log(rig: Build, tmp_path: Path) -> None:
    """The logged policy replayed gives the logged figures, with shadows as without."""
    trace = tmp_path / "t.jsonl"
    await trace_of(rig, trace, range(60), rate=0.5)
    episodes = read_log(trace).episodes
    assert episodes is not None
    assert episodes.arms.shape == (60, 2)
    assert np.array_equal(np.isnan(episodes.propensity), episodes.arms < 0)
    document = replay_logged(episodes, FixedPlan((Step("flash"), Step("pro")))).document()
    assert document["estimator"] == "exact"
    assert document["policies"][0]["success"] == pytest.approx(
        np.mean([solves(k, "flash") or solves(k, "pro") for k in range(60)])
    )


async def test_runs_that_drew_at_different_rates_are_one_uniform_sample(rig: Build, tmp_path: Path) -> None:
    low, high = tmp_path / "low.jsonl", tmp_path / "high.jsonl"
    await trace_of(rig, low, range(40), rate=0.3)
    await trace_of(rig, high, range(40, 80), rate=1)
    both = tmp_path / "both.jsonl"
    both.write_text(low.read_text() + high.read_text())
    episodes = read_log(both).episodes
    assert episodes is not None
    assert episodes.sample is not None
    draws = [event for event in read_trace(both).events if event.event == "shadow.drawn"]
    kept = {event.task_id for event in draws if event.draw < 0.3}
    assert set(np.array(episodes.table.tasks)[episodes.sample.rows]) == kept
    assert (episodes.sample.rate, episodes.sample.drawn) == (0.3, 80)
    assert any("different rates (0.3, 1)" in note for note in episodes.table.notes)


async def test_a_sampled_task_without_an_attempt_of_its_own_is_of_the_sample(
    rig: Build, tmp_path: Path
) -> None:
    """Its calls failed, or the policy stopped it at once: leaving it out would choose among the tasks."""
    trace = tmp_path / "t.jsonl"
    await trace_of(rig, trace, range(40), rate=1)
    lines = [json.loads(line) for line in trace.read_text().splitlines()]
    own = [
        line
        for line in lines
        if line.get("task_id") == "t-3" and line.get("attempt") and not line.get("shadow")
    ]
    kept = [line for line in lines if line not in own]
    trace.write_text("".join(json.dumps(line) + "\n" for line in kept))
    episodes = read_log(trace).episodes
    assert episodes is not None
    assert episodes.sample is not None
    row = list(episodes.table.tasks).index("t-3")
    assert (episodes.arms[row] < 0).all()
    assert episodes.sample.rows[row]


async def test_the_outcome_table_holds_shadows_and_says_who_was_drawn(rig: Build, tmp_path: Path) -> None:
    events, drawn = await trace_of(rig, tmp_path / "t.jsonl", range(30), rate=0.5)
    write_outcomes(events, tmp_path / "o.csv")
    with (tmp_path / "o.csv").open() as file:
        table = list(csv.DictReader(file))
    assert {row["task_id"] for row in table if row["sampled"]} == {name for name, yes in drawn.items() if yes}
    for name, is_drawn in drawn.items():
        mine = {row["model"]: row for row in table if row["task_id"] == name}
        number = int(name.split("-")[1])
        assert ("pro" in mine) == (is_drawn or not solves(number, "flash"))
        if is_drawn and solves(number, "flash"):
            assert (mine["pro"]["stage"], mine["pro"]["outcome"]) == ("", str(int(solves(number, "pro"))))
    read = read_log(tmp_path / "o.csv").table
    assert "sampled" not in read.figures


async def test_tune_searches_the_sample_instead_of_a_model(
    rig: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = tmp_path / "t.jsonl"
    await trace_of(rig, trace, range(90), rate=1)
    monkeypatch.setattr("cascade.cli.tune._ENOUGH_SHADOWS", 60)
    document = json.loads(ran(tune, trace, "--value", "0.5", "-o", tmp_path / "c.yaml", "--json"))
    assert any("90 tasks that were drawn for shadows" in note for note in document["notes"])
    assert not any("never tried" in note for note in document["notes"])


async def test_tune_gives_the_model_what_few_shadows_saw(rig: Build, tmp_path: Path) -> None:
    trace = tmp_path / "t.jsonl"
    await trace_of(rig, trace, range(90), rate=0.4)
    shown = ran(tune, trace, "--value", "0.5", "-o", tmp_path / "c.yaml")
    (share,) = [note for note in shown.splitlines() if "were never tried" in note]
    episodes = read_log(trace).episodes
    assert episodes is not None
    known = np.isfinite(episodes.table.outcome[:, [0, 1]])
    assert f"{1 - known.mean():.0%} of the outcomes were never tried" in share


async def test_train_takes_rates_from_the_sample_and_assumes_nothing(rig: Build, tmp_path: Path) -> None:
    """pro is asked where flash failed, and there it solves two of three; shadows know it on the others too."""
    _, drawn = await trace_of(rig, tmp_path / "t.jsonl", range(120), rate=0.5)
    log = from_trace(str(tmp_path / "t.jsonl"))
    column = log.outcomes[:, log.tiers.index("pro")]
    known = {task.id: value for task, value in zip(log.tasks, column, strict=True) if not np.isnan(value)}
    assert set(known) == {name for name, yes in drawn.items() if yes}, (
        "those that flash failed and no others drawn"
    )
    assert all(value == solves(int(name.split("-")[1]), "pro") for name, value in known.items())


async def test_few_shadows_leave_training_as_it_was(rig: Build, tmp_path: Path) -> None:
    """A handful among the tasks that flash failed would pass for a sample and be none."""
    trace = tmp_path / "t.jsonl"
    await trace_of(rig, trace, range(60), rate=0.1)
    log = from_trace(str(trace))
    column = log.outcomes[:, log.tiers.index("pro")]
    known = {
        int(task.id.split("-")[1]) for task, value in zip(log.tasks, column, strict=True) if value == value
    }
    assert known == {number for number in range(60) if not solves(number, "flash")}


def test_an_old_trace_reads_as_before() -> None:
    """Attempts without the mark are the task's own."""
    line = {
        "schema": 1, "event": "attempt.failed", "time": "2026-01-01T00:00:00Z", "run_id": "r", "task_id": "t",
        "trace_id": "0" * 32, "span_id": "0" * 16, "attempt": 1, "tier": "flash", "model": "m", "code": "x",
    }  # fmt: skip
    event: Any = EVENT.validate_python(line)
    assert event.shadow is False
