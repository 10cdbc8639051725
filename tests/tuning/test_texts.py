"""Where the tasks' texts tell how hard they are, `tune` finds out, decides by it, and writes what a run needs."""

from __future__ import annotations

import json
from copy import copy
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cascade.classifiers.linear import LinearClassifier
from cascade.cli.replay import replay as replay_command
from cascade.cli.tune import tune as command
from cascade.config import load
from cascade.errors import InputError
from cascade.policy.artifact import dump_estimates, load_estimates
from cascade.policy.base import Situation
from cascade.policy.expected_value import Conditions, ExpectedValuePolicy
from cascade.policy.latent import LatentEstimates
from cascade.policy.steps import Step, Verifier
from cascade.replay.engine import play
from cascade.replay.policy_plan import PolicyPlan
from cascade.replay.table import OutcomeTable
from cascade.replay.task_beliefs import TaskBeliefs
from cascade.replay.value_plan import ValuePlan
from cascade.trace.events import (
    Content,
    Event,
    RouteDecided,
    RunStarted,
    TaskFinished,
    TaskStarted,
    ValidationFinished,
)
from cascade.trace.ids import Scope
from cascade.tuning.estimates import FitSettings, fit_estimates
from cascade.tuning.families import Adaptive, Fixed, Reading, Space
from cascade.tuning.goal import Goal
from cascade.tuning.routed import RoutedPlan
from cascade.tuning.texts import Router, Texts
from cascade.tuning.tune import Settings, tune
from cascade.tuning.write import write_config
from cascade.types import Task
from tests.replay.worlds import TIERS, world
from tests.trace.support import finished

QUICK = FitSettings(rounds=8, classes=7)
HARD, EASY = "prove that every bounded sequence converges", "add two small numbers together"


@cache
def told(seed: int, n: int) -> tuple[OutcomeTable, dict[str, Task]]:
    """Tasks of which half are hard for the cheap tier, and say so; the strong tier does all alike."""
    g = np.random.default_rng(seed)
    hard = g.random(n) < 0.5
    p = np.stack([np.where(hard, 0.1, 0.9), np.full(n, 0.9)], axis=1)
    table = OutcomeTable(
        tasks=[f"t{seed}-{k:05d}" for k in range(n)],
        arms=(Step("cheap"), Step("strong")),
        outcome=(g.random(p.shape) < p).astype(float),
        cost=np.array([0.05, 0.1]) * np.exp(0.2 * g.normal(size=p.shape)),
    )
    words = [f"{HARD if one else EASY} {g.integers(10_000)}" for one in hard]
    tasks = {name: Task(id=name, prompt=prompt) for name, prompt in zip(table.tasks, words, strict=True)}
    return table, tasks


def router_of(table: OutcomeTable, tasks: dict[str, Task]) -> Router:
    router = Texts(tasks).learn(table)
    assert router is not None
    return router


def test_texts_that_tell_make_the_same_success_cheaper() -> None:
    table, tasks = told(1, 400)
    goal = Goal(kind="success", tier="strong")
    space = Space(fit=QUICK)
    with_texts = tune(table, goal, Settings(confidence=0.6, space=space, tasks=tasks))
    without = tune(table, goal, Settings(confidence=0.6, space=space))
    assert isinstance(with_texts.choice.plan, RoutedPlan)
    one, other = (tuned.report.document()["policies"][0] for tuned in (with_texts, without))
    assert one["success"] >= other["success"] - 0.03
    assert one["cost_usd"] < 0.92 * other["cost_usd"]


def test_texts_that_tell_nothing_are_not_used() -> None:
    table = world(3, 200)
    g = np.random.default_rng(0)
    tasks = {name: Task(id=name, prompt=f"{EASY} {g.integers(10**6)}") for name in table.tasks}
    texts = Texts(tasks)
    learnt = Reading().learn(table, Space(fit=QUICK, texts=texts))
    assert texts.learn(table) is None
    assert learnt.plan(0.1) == Adaptive().learn(table, Space(fit=QUICK)).plan(0.1)


def test_what_was_told_brings_the_first_attempts_to_the_classifiers_probability() -> None:
    table, tasks = told(1, 400)
    router = router_of(table, tasks)
    estimates = fit_estimates(router.learnt(table), QUICK)
    seen = router.sees(table)
    beliefs = TaskBeliefs(estimates, Verifier(), seen)
    rows = np.arange(len(table))
    first = (beliefs.rights(rows)[:, 0] * beliefs.evidence).sum(axis=1)
    assert first == pytest.approx(np.clip(seen.probabilities["cheap"], 0.001, 0.999), abs=1e-9)


@pytest.mark.parametrize("v", [0.02, 0.1, 0.4])
@pytest.mark.parametrize("verifier", [Verifier(), Verifier(0.9, 0.8)], ids=str)
def test_a_run_decides_as_the_replay_where_a_classifier_tells(v: float, verifier: Verifier) -> None:
    table = world(4, 120)
    g = np.random.default_rng(0)
    chances = {
        tier: np.clip(table.outcome[:, k] * 0.4 + 0.5 * g.random(120), 0, 1) for k, tier in enumerate(TIERS)
    }
    chances["middle"][:20] = np.nan
    table = replace(table, probabilities=chances)
    estimates = fit_estimates(table, QUICK)
    assert estimates.told is not None
    policy = ExpectedValuePolicy(
        v, max_attempts=3, estimates=estimates, conditions=Conditions(verifier=verifier)
    )
    one = play(table, ValuePlan(estimates, v, 3, verifier), verifier=verifier)
    other = play(table, PolicyPlan(policy, TIERS, priced=False), verifier=verifier)
    assert one.success == pytest.approx(other.success)
    assert one.cost == pytest.approx(other.cost)


def test_the_exported_classifier_scores_as_the_router(tmp_path: Path) -> None:
    table, tasks = told(1, 200)
    router = router_of(table, tasks)
    classifier = LinearClassifier(router.artifact(name="x", trained_on="y"))
    seen = router.sees(table).probabilities
    for row in range(0, 200, 20):
        task = tasks[table.tasks[row]]
        for tier, p in classifier.probabilities(task, ("cheap", "strong")).items():
            assert p == pytest.approx(seen[tier][row], abs=1e-9)


def test_estimates_with_what_was_told_survive_their_file(tmp_path: Path) -> None:
    table, tasks = told(1, 200)
    estimates: LatentEstimates = fit_estimates(router_of(table, tasks).learnt(table), QUICK)
    path = tmp_path / "e.json"
    path.write_text(dump_estimates(estimates))
    loaded = load_estimates(path)
    assert loaded.told is not None
    assert estimates.told is not None
    assert loaded.told.mean == pytest.approx(estimates.told.mean, rel=1e-5)
    path.write_text(dump_estimates(estimates).replace('"told":', '"heard":'))
    with pytest.raises(InputError, match="heard"):
        load_estimates(path)


def test_what_the_command_writes_replays_with_the_texts(tmp_path: Path) -> None:
    table, tasks = told(1, 400)
    log, prompts, config = (tmp_path / name for name in ("log.csv", "tasks.jsonl", "tuned.yaml"))
    rows = ["task_id,model,outcome,cost_usd"]
    for row, name in enumerate(table.tasks):
        rows += [
            f"{name},{arm.tier},{table.outcome[row, k]:.0f},{table.cost[row, k]:.6f}"
            for k, arm in enumerate(table.arms)
        ]
    log.write_text("\n".join(rows) + "\n")
    prompts.write_text("".join(json.dumps({"id": t.id, "prompt": t.prompt}) + "\n" for t in tasks.values()))
    ran = CliRunner().invoke(
        command, [str(log), "--tasks", str(prompts), "--target-success", "0.8", "-o", str(config), "--json"]
    )
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.output)["policy"] == "adaptive-texts"
    assert (tmp_path / "tuned.classifier.json").exists()
    args = [str(log), "-c", str(config), "--json"]
    read = json.loads(CliRunner().invoke(replay_command, [*args, "--tasks", str(prompts)]).output)
    blind = json.loads(CliRunner().invoke(replay_command, args).output)
    assert read["policies"][0]["cost_usd"] < blind["policies"][0]["cost_usd"]
    assert read["policies"][0]["tiers"]["cheap"] < 0.8
    assert any("--tasks" in note for note in blind["support"]["notes"])


def tuned_by_texts(folder: Path) -> tuple[Path, RoutedPlan]:
    """A config that a search with texts wrote, and its plan."""
    table, tasks = told(1, 400)
    settings = Settings(confidence=0.6, space=Space(fit=QUICK), families=(), tasks=tasks)
    tuned = tune(table, Goal(kind="value", amount=0.3), settings)
    assert isinstance(tuned.choice.policy, RoutedPlan)
    write_config(tuned, folder / "tuned.yaml")
    return folder / "tuned.yaml", tuned.choice.policy


def trace_of(path: Path, *, texts: bool) -> OutcomeTable:
    """A trace with both tiers' answers to every task, told by another classifier, as a table."""
    table, tasks = told(2, 60)
    run = Scope.of_run()
    events: list[Event] = [RunStarted(**run.fields(), config={"tiers": {"cheap": {}, "strong": {}}})]
    for row, name in enumerate(table.tasks):
        scope, prompt = run.of_task(name), tasks[name].prompt
        said = Content(chars=len(prompt), text=prompt if texts else None, sha256="0" * 64)
        chances = {"cheap": 0.01, "strong": 0.02}
        route = RouteDecided(
            **scope.fields(), classifier="old", version="1", probabilities=chances, tier="cheap"
        )
        events += [TaskStarted(**scope.fields(), prompt=said), route]
        for k, arm in enumerate(table.arms):
            made = finished(scope.child("generate"), k + 1)
            cost = Decimal(repr(float(table.cost[row, k])))
            told_apart = {"tier": arm.tier, "tier_attempt": 1, "cost_usd": cost}
            events += [made.model_copy(update=told_apart)]
            verdict = "passed" if table.outcome[row, k] else "failed"
            fields = {**scope.child("validate").fields(), "attempt": k + 1, "verdict": verdict}
            events.append(ValidationFinished.model_validate(fields))
        end = {"status": "accepted", "tier": "strong", "attempts": 2, "cost_usd": Decimal(1)}
        events.append(TaskFinished.model_validate({**scope.fields(), **end}))
    path.write_text("".join(f"{event.model_dump_json(by_alias=True)}\n" for event in events))
    return table


@pytest.mark.parametrize("given", [False, True], ids=["texts of the trace", "a task file"])
def test_a_trace_is_replayed_by_the_configs_classifier_not_the_logs(tmp_path: Path, *, given: bool) -> None:
    config, plan = tuned_by_texts(tmp_path)
    table = trace_of(tmp_path / "t.jsonl", texts=not given)
    texts = Texts(told(2, 60)[1])
    router = replace(plan.router, texts=texts, estimator=copy(plan.router.estimator))
    router.estimator.source = texts
    played = play(table, replace(plan, router=router))
    args = [str(tmp_path / "t.jsonl"), "-c", str(config), "--json"]
    prompts = tmp_path / "tasks.jsonl"
    lines = [json.dumps({"task_id": t.id, "text": t.prompt}) for t in told(2, 60)[1].values()]
    prompts.write_text("\n".join(lines) + "\n")
    ran = CliRunner().invoke(replay_command, [*args, *(["--tasks", str(prompts)] if given else [])])
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.output)["policies"][0]
    assert found["success"] == pytest.approx(played.success.mean())
    assert found["cost_usd"] == pytest.approx(played.cost.mean())


def test_another_classifiers_word_is_named_where_a_trace_has_no_texts(tmp_path: Path) -> None:
    config, _ = tuned_by_texts(tmp_path)
    trace_of(tmp_path / "t.jsonl", texts=False)
    ran = CliRunner().invoke(replay_command, [str(tmp_path / "t.jsonl"), "-c", str(config)])
    assert ran.exit_code == 0, ran.output
    assert "note: another classifier than the config's" in ran.output


def test_what_is_told_of_tiers_that_the_estimates_lack_says_nothing() -> None:
    table, tasks = told(1, 200)
    router = router_of(table, tasks)
    estimates = fit_estimates(router.learnt(table), QUICK)
    seen = router.sees(table)
    more = replace(seen, probabilities={**seen.probabilities, "other": np.full(200, 0.02)})
    one, other = (TaskBeliefs(estimates, Verifier(), given) for given in (seen, more))
    assert other.evidence == pytest.approx(one.evidence)
    chances = {tier: float(values[0]) for tier, values in more.probabilities.items()}
    here = Situation(task=tasks[table.tasks[0]], tiers=("cheap", "strong"), probabilities=chances)
    assert estimates.belief(here, Verifier()).weights == pytest.approx(one.evidence[0])


def test_a_base_whose_shadows_name_a_tier_that_goes_still_loads(tmp_path: Path) -> None:
    table = world(3, 200).only(TIERS[:2])
    tuned = tune(table, Goal(kind="value", amount=0.3), Settings(confidence=0.6, space=Space(fit=QUICK)))
    base = tmp_path / "base.yaml"
    tiers = "".join(f"  {tier}: {{model: m, base_url: http://x/v1, price: unknown}}\n" for tier in TIERS)
    shadows = f"shadow: {{rate: 0.1, budget_usd: 1, tiers: [{TIERS[0]}, {TIERS[2]}]}}\n"
    base.write_text(f"version: 1\ntiers:\n{tiers}{shadows}")
    write_config(tuned, tmp_path / "tuned.yaml", base=base)
    shadow = load(tmp_path / "tuned.yaml", need_env=False).shadow
    assert shadow is not None
    assert shadow.tiers == TIERS[:1]


def test_a_task_file_of_other_tasks_is_refused_in_words(tmp_path: Path) -> None:
    table, tasks = told(1, 60)
    others = {f"x{name}": task for name, task in tasks.items()}
    with pytest.raises(InputError, match="0 of the log's 60 tasks have a text"):
        tune(table, Goal(kind="success", amount=0.5), Settings(tasks=others))


def test_tasks_without_a_text_are_left_out_and_noted() -> None:
    table, tasks = told(1, 120)
    some = dict(list(tasks.items())[:100])
    settings = Settings(confidence=0.6, space=Space(fit=QUICK), families=(Fixed(),), tasks=some)
    tuned = tune(table, Goal(kind="success", amount=0.6), settings)
    assert sum(tuned.sizes[one] for one in ("search", "report")) == 100
    assert any("20 tasks have no text" in note for note in tuned.notes)
