"""What `tune` promises holds, and what it writes runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cascade.cli.tune import tune as command
from cascade.config import load
from cascade.errors import InputError, SupportError
from cascade.policy.steps import Step, Verifier
from cascade.replay.configured import configured
from cascade.replay.engine import play
from cascade.replay.intervals import Moments
from cascade.replay.plans import FixedPlan
from cascade.replay.replay_parts import replay_table
from cascade.replay.table import OutcomeTable
from cascade.tuning.estimates import FitSettings, imputed
from cascade.tuning.families import Adaptive, Fixed, Space
from cascade.tuning.goal import Goal, Paired, cost_p_value, paired_p_value, success_p_value
from cascade.tuning.lessons import lessons
from cascade.tuning.tune import Settings, Tuned, tune
from cascade.tuning.write import write_config
from tests.replay.worlds import TIERS, world

QUICK = Space(fit=FitSettings(rounds=8, classes=7))


def quick(table: OutcomeTable, goal: Goal, **given: float) -> Tuned:
    confidence, seed = given.get("confidence", 0.95), int(given.get("seed", 0))
    return tune(table, goal, Settings(confidence=confidence, seed=seed, space=QUICK))


def test_a_promise_of_success_is_seldom_broken() -> None:
    truth = world(999, 30_000)
    broken = promised = 0
    for seed in range(24):
        tuned = quick(world(seed, 240), Goal(kind="success", amount=0.75), seed=seed)
        if tuned.choice.pick.promised:
            promised += 1
            played = play(truth, tuned.choice.plan)
            broken += float(played.success.mean()) < 0.75
    assert promised >= 12
    assert broken <= 3  # 24 at 5%: 1.2 and twice its standard error


def test_a_cheap_policy_is_found_and_its_report_is_of_unseen_tasks() -> None:
    tuned = quick(world(1, 600), Goal(kind="success", tier="strong"), confidence=0.6)
    config, *others = tuned.report.document()["policies"]
    strong = next(one for one in others if one["name"] == "always:strong")
    assert config["cost_usd"] < 0.7 * strong["cost_usd"]
    assert tuned.sizes == {"search": 450, "choose": 450, "report": 150}
    assert "cascade" in tuned.advice


def test_a_large_log_is_split_in_three() -> None:
    tuned = quick(world(2, 4000), Goal(kind="cost", amount=0.03))
    assert sum(tuned.sizes.values()) == 4000
    assert [tuned.sizes[part] / 4000 for part in ("search", "choose", "report")] == pytest.approx(
        [0.4, 0.3, 0.3], abs=0.02
    )
    assert tuned.choice.pick.promised
    assert tuned.report.document()["policies"][0]["cost_usd"] < 0.034


def test_with_a_poor_verifier_it_says_that_no_cascade_helps() -> None:
    table = world(3, 400, 2)
    dear = replace(table, cost=np.stack([table.cost[:, 0] * 8, table.cost[:, 1]], axis=1))
    poor = Space(verifier=Verifier(0.9, 0.3), fit=FitSettings(rounds=8))
    tuned = tune(dear, Goal(kind="success", tier="middle"), Settings(space=poor))
    assert tuned.advice.startswith("no cascade helps here, use middle")
    assert tuned.choice.pick.single == "middle"


def test_what_cannot_be_promised_is_said() -> None:
    tuned = quick(world(4, 200), Goal(kind="success", amount=0.99))
    assert not tuned.choice.pick.promised
    assert "cannot be promised" in tuned.advice
    assert tuned.met_probability < 0.05


def test_the_order_of_tasks_changes_nothing() -> None:
    table = world(5, 200)
    one = quick(table, Goal(kind="value", amount=0.3))
    other = quick(table.rows(np.random.default_rng(0).permutation(200)), Goal(kind="value", amount=0.3))
    assert one.choice.plan == other.choice.plan
    assert one.report.document() == other.report.document()


def test_the_unit_of_money_changes_nothing() -> None:
    table = world(6, 200)
    goal = Goal(kind="success", tier="strong")
    one, other = (
        quick(table, goal, confidence=0.6),
        quick(replace(table, cost=table.cost * 1000), goal, confidence=0.6),
    )
    for a, b in zip(one.report.policies, other.report.policies, strict=True):
        assert a.name == b.name
        assert a.success.mean == pytest.approx(b.success.mean)  # type: ignore[union-attr]
    assert one.choice.pick.trial.point[1] * 1000 == pytest.approx(other.choice.pick.trial.point[1])


@pytest.mark.parametrize(
    ("table", "error", "says"),
    [
        (world(7, 3), SupportError, "3 tasks are too few"),
        (world(7, 100).only(["cheap"]), InputError, "one tier"),
        (replace(world(7, 100), cost=np.full((100, 3), np.nan)), InputError, "no costs"),
    ],
    ids=["three tasks", "one tier", "no costs"],
)
def test_a_log_that_cannot_be_tuned_on_is_refused(
    table: OutcomeTable, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        quick(table, Goal(kind="value", amount=1.0))


def test_where_all_passed_the_cheapest_is_recommended_and_it_is_said() -> None:
    table = world(8, 120)
    tuned = quick(replace(table, outcome=np.ones((120, 3))), Goal(kind="success", amount=0.9))
    assert tuned.choice.pick.single == "cheap"
    assert "every tier is right on every task in this log" in tuned.notes


def test_an_unknown_reference_tier_is_refused() -> None:
    with pytest.raises(InputError, match="best"):
        quick(world(9, 100), Goal(kind="success", tier="best"))


@pytest.mark.parametrize("goal", [Goal(kind="value", amount=0.5), Goal(kind="value", amount=1e-4)], ids=str)
def test_the_written_config_replays_to_the_reported_policy(tmp_path: Path, goal: Goal) -> None:
    table = world(10, 300)
    tuned = quick(table, goal)
    path = tmp_path / "tuned.yaml"
    write_config(tuned, path, log="log.csv")
    plan, known = configured(load(path, need_env=False), table)
    one, other = play(table, tuned.choice.plan), play(known, plan)
    assert other.success == pytest.approx(one.success)
    assert other.cost == pytest.approx(one.cost, rel=1e-3)
    text = path.read_text()
    assert "# Goal: most value" in text
    assert "always:strong" in text


def test_a_base_config_keeps_its_endpoints_as_written(tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    tiers = "".join(
        f"  {tier}: {{model: m-{tier}, base_url: http://h/v1, api_key: '${{KEY}}', price: unknown}}\n"
        for tier in TIERS
    )
    judge = "judge: {artifact: judge.json}\n"
    base.write_text(f"version: 1\ntiers:\n{tiers}validators: [syntax]\n{judge}")
    path = tmp_path / "tuned.yaml"
    write_config(quick(world(11, 300), Goal(kind="value", amount=0.5)), path, base=base)
    text = path.read_text()
    assert "${KEY}" in text
    assert "m-cheap" in text
    assert load(path, need_env=False).validators[0].use == "syntax"
    assert load(path, need_env=False).judge is None
    assert "the base's judge is left out" in text
    base.write_text("version: 1\ntiers:\n  other: {model: m}\n")
    with pytest.raises(InputError, match="has no tier"):
        write_config(quick(world(11, 300), Goal(kind="value", amount=0.5)), path, base=base)


def log_file(tmp_path: Path, table: OutcomeTable) -> Path:
    rows = ["task_id,model,outcome,cost_usd"]
    for row, task in enumerate(table.tasks):
        rows += [
            f"{task},{arm.tier},{table.outcome[row, k]:g},{table.cost[row, k]:.8f}"
            for k, arm in enumerate(table.arms)
        ]
    path = tmp_path / "log.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_the_commands_print_the_documents_of_the_contract(tmp_path: Path) -> None:
    from cascade.cli.replay import replay

    log, config = log_file(tmp_path, world(12, 150)), tmp_path / "tuned.yaml"
    picture = tmp_path / "picture.svg"
    given = [str(log), "--value", "0.5", "-o", str(config), "--json", "--plot", str(picture)]
    result = CliRunner().invoke(command, given, catch_exceptions=False)
    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert document["config"] == str(config)
    assert {"goal", "met_probability", "search", "report"} <= set(document)
    assert picture.read_text().startswith("<?xml")
    again = CliRunner().invoke(replay, [str(log), "-c", str(config), "--json"], catch_exceptions=False)
    names = [one["name"] for one in json.loads(again.stdout)["policies"]]
    assert names == ["config", *[f"always:{tier}" for tier in TIERS], "random", "fixed", "oracle"]


def test_a_goal_is_given_once(tmp_path: Path) -> None:
    from cascade.errors import UsageError

    log = log_file(tmp_path, world(13, 40))
    for words in ([], ["--value", "1", "--max-cost", "1"], ["--target-success", "1.5"], ["--value", "-1"]):
        with pytest.raises(UsageError):
            CliRunner().invoke(command, [str(log), "-o", "x.yaml", *words], catch_exceptions=False)


def test_p_values_keep_their_level() -> None:
    g = np.random.default_rng(0)
    results = [success_p_value(Moments.of((g.random(80) < 0.7).astype(float)), 0.7) for _ in range(600)]
    assert np.mean([p <= 0.1 for p in results]) <= 0.13
    rates = [success_p_value(Moments.of(g.beta(2, 1, 80)), 2 / 3) for _ in range(300)]
    assert np.mean([p <= 0.1 for p in rates]) <= 0.13
    costs = [
        cost_p_value(Moments.of(np.exp(0.7 * g.normal(size=80))), float(np.exp(0.245))) for _ in range(600)
    ]
    assert np.mean([p <= 0.1 for p in costs]) <= 0.14
    pairs = [
        paired_p_value(Paired.of((g.random(80) < 0.6).astype(float), (g.random(80) < 0.6).astype(float)))
        for _ in range(600)
    ]
    assert np.mean([p <= 0.1 for p in pairs]) <= 0.14


def test_a_stricter_goal_never_costs_less() -> None:
    families = (Adaptive(), Fixed())
    table = world(14, 500)
    costs = []
    for target in (0.6, 0.7, 0.78):
        goal = Goal(kind="success", amount=target)
        tuned = tune(table, goal, Settings(confidence=0.6, space=QUICK, families=families))
        costs.append(tuned.choice.pick.trial.point[1])
    assert costs == sorted(costs)


def test_lessons_say_what_the_next_attempt_is_worth() -> None:
    found = lessons(world(15, 400))
    assert [one.then.tier for one in found] == ["middle", "strong"]
    for one in found:
        assert one.unconditional is not None
        assert one.p < one.unconditional  # failures are correlated
    assert "after cheap failed, then middle shown the task afresh" in str(found[0])


def test_figures_that_rest_on_the_model_do_not_call_themselves_exact() -> None:
    rng = np.random.default_rng(0)
    n = 200
    cheap = (rng.random(n) < 0.6).astype(float)
    dear = np.where(cheap == 1, np.nan, (rng.random(n) < 0.7).astype(float))
    table = OutcomeTable(
        tasks=[f"t{k}" for k in range(n)],
        arms=(Step("flash"), Step("pro")),
        outcome=np.column_stack([cheap, dear]),
        cost=np.column_stack([np.full(n, 0.01), np.where(np.isnan(dear), np.nan, 0.1)]),
    )
    filled = imputed(table)
    shown = replay_table(filled, FixedPlan((Step("flash"), Step("pro")))).document()
    assert shown["estimator"] == "imputed"
    assert shown["support"]["share"] == pytest.approx(1 - np.isnan(table.outcome).mean(), abs=1e-3)


def test_folds_that_turn_at_different_dials_do_not_pass_for_a_cascade() -> None:
    """On this log some folds teach the strong tier alone and others a cascade; learnt from all, it is no cheaper."""
    table = world(9, 200, 2)
    table = replace(table, cost=table.cost * np.array([0.3, 3.0]))
    space = replace(QUICK, verifier=Verifier(0.9, 0.6))
    tuned = tune(table, Goal(kind="success", tier="middle"), Settings(confidence=0.55, seed=9, space=space))
    assert tuned.choice.pick.single == "middle"
    assert "no cascade helps here, use middle" in tuned.advice
