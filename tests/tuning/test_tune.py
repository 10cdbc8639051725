"""What `tune` promises holds, and what it writes runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from cascade.cli.tune import tune as command
from cascade.config import load
from cascade.errors import InputError, StorageError, SupportError
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
from tests.laws import first
from tests.replay.worlds import TIERS, world

QUICK = Space(fit=FitSettings(rounds=8, classes=7))


def quick(table: OutcomeTable, goal: Goal, **given: float) -> Tuned:
    confidence, seed = given.get("confidence", 0.95), int(given.get("seed", 0))
    return tune(table, goal, Settings(confidence=confidence, seed=seed, space=QUICK))


@pytest.mark.parametrize(("logs", "promises", "most_broken"), first([(3, 2, 0), (24, 12, 3)]))
def test_a_promise_of_success_is_seldom_broken(logs: int, promises: int, most_broken: int) -> None:
    """Of 24 at 5%: 1.2 and twice its standard error. The first three are fixed by their seeds."""
    truth = world(999, 30_000)
    broken = promised = 0
    for seed in range(logs):
        tuned = quick(world(seed, 240), Goal(kind="success", amount=0.75), seed=seed)
        if tuned.choice.pick.promised:
            promised += 1
            played = play(truth, tuned.choice.plan)
            broken += float(played.success.mean()) < 0.75
    assert promised >= promises
    assert broken <= most_broken


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
    comment = " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
    assert "(chosen with hindsight)" in comment
    assert "foresight: the cheapest tier that is right" in comment
    assert "endpoints are placeholders" in comment
    assert "no validators are listed" in comment


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


def test_a_config_in_another_folder_names_the_same_files(tmp_path: Path) -> None:
    recorded, home = tmp_path / "recorded", tmp_path / "home"
    recorded.mkdir()
    (recorded / "cheap.jsonl").write_text("")
    (recorded / "strong.jsonl").write_text("")
    lines = "".join(
        f"  {tier}: {{model: m, provider: recorded, price: unknown, recording: {recording}}}\n"
        for tier, recording in {
            "cheap": "cheap.jsonl",
            "middle": "[cheap.jsonl, '${ELSEWHERE}/x.jsonl']",
            "strong": recorded / "strong.jsonl",
        }.items()
    )
    base, path = recorded / "base.yaml", home / "new" / "tuned.yaml"
    base.write_text(f"version: 1\ntiers:\n{lines}trace: {{path: traces/}}\nbudget: {{file: budget.json}}\n")
    write_config(quick(world(11, 300), Goal(kind="success", amount=0.75)), path, base=base)
    document = yaml.safe_load(path.read_text())
    written = {tier: one["recording"] for tier, one in document["tiers"].items()}
    assert written["cheap"] == "../../recorded/cheap.jsonl"
    assert written["strong"] == str(recorded / "strong.jsonl")
    assert written["middle"] == ["../../recorded/cheap.jsonl", "${ELSEWHERE}/x.jsonl"]
    assert document["trace"] == {"path": "../../recorded/traces/"}
    assert document["budget"] == {"file": "../../recorded/budget.json"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-o", "taken"], "it is a folder"),
        (["-o", "log.csv/tuned.yaml"], "no folder"),
        (["-o", "x.yaml", "--plot", "taken"], "cannot write the picture"),
        (["-o", "x.yaml", "--base", "nowhere.yaml"], "cannot read nowhere.yaml"),
    ],
    ids=["folder", "under a file", "picture", "base"],
)
def test_what_cannot_be_written_is_said_before_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    log = log_file(tmp_path, world(13, 40))
    monkeypatch.setattr("cascade.tuning.tune.tune_parts", None)
    with pytest.raises(StorageError, match=says):
        CliRunner().invoke(command, [str(log), "--value", "1", *words], catch_exceptions=False)


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


def test_a_cost_far_below_the_limit_is_surer_than_one_just_below() -> None:
    costs = Moments.of(np.exp(np.random.default_rng(3).normal(size=225)))
    chances = [cost_p_value(costs, costs.mean * factor) for factor in (1.05, 1.5, 3, 10, 1000)]
    assert chances == sorted(chances, reverse=True)
    assert chances[-2] < 1e-6


def test_never_trying_anything_is_no_way_to_keep_a_budget() -> None:
    tuned = tune(world(16, 200), Goal(kind="cost", amount=1e-6), Settings(space=QUICK))
    assert not tuned.choice.pick.promised
    assert tuned.choice.pick.trial.point[0] > 0
    assert "cannot be promised" in tuned.advice


def test_a_worth_at_which_no_attempt_pays_is_said() -> None:
    tuned = tune(world(16, 200), Goal(kind="value", amount=1e-6), Settings(space=QUICK))
    assert "no attempt pays at $1e-06 a solved task" in tuned.advice


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


def escalations(n: int) -> OutcomeTable:
    """Pro was tried only where flash failed; it passes 95% of what flash passes, and a third of the rest."""
    rng = np.random.default_rng(0)
    cheap = (rng.random(n) < 0.6).astype(float)
    dear = np.where(cheap == 1, np.nan, (rng.random(n) < 1 / 3).astype(float))
    return OutcomeTable(
        tasks=[f"t{k}" for k in range(n)],
        arms=(Step("flash"), Step("pro")),
        outcome=np.column_stack([cheap, dear]),
        cost=np.column_stack([np.full(n, 0.01), np.where(np.isnan(dear), np.nan, 0.1)]),
    )


def test_a_tier_that_was_tried_on_failures_only_is_not_taken_to_be_as_weak_on_all_tasks() -> None:
    filled = imputed(escalations(400))
    assert filled.rate(filled.first("pro")) == pytest.approx(0.6 * 0.9 + 0.4 / 3, abs=0.05)
    assert any("assumed to pass at 90%" in note for note in filled.notes)


def test_nothing_is_promised_on_what_was_never_seen() -> None:
    tuned = quick(imputed(escalations(400)), Goal(kind="success", amount=0.5))
    assert not tuned.choice.pick.promised
    assert "never seen" in tuned.advice
    assert "as the model expects" in tuned.reservation
    seen = quick(world(1, 200), Goal(kind="success", amount=0.5))
    assert seen.choice.pick.promised
    assert seen.reservation == ""


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


def test_no_difference_on_the_log_is_no_proof_of_being_as_good() -> None:
    nothing = np.ones(150)
    assert paired_p_value(Paired.of(nothing, nothing)) == 0.5
    easy = world(16, 150)
    outcome = np.ones((150, 3))
    outcome[0] = 0.0
    tuned = quick(replace(easy, outcome=outcome), Goal(kind="success", tier="strong"))
    assert tuned.choice.pick.single == "strong"
    assert tuned.choice.pick.promised
    assert tuned.met_probability == 1.0
