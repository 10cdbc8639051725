"""`tune` over validators: those that reject right answers or add nothing go, judged on unseen tasks like the rest."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from cascade.cli.tune import tune as command
from cascade.config import load
from cascade.policy.steps import Step, Verifier
from cascade.replay.config_checks import on_config_checks
from cascade.replay.configured import configured
from cascade.replay.engine import play
from cascade.replay.table import OutcomeTable
from cascade.replay.value_plan import ValuePlan
from cascade.tuning.checks import offered_sets
from cascade.tuning.estimates import FitSettings
from cascade.tuning.families import Space
from cascade.tuning.goal import Goal
from cascade.tuning.tune import Settings, Tuned, tune
from cascade.tuning.write import write_config
from tests.laws import first
from tests.replay.worlds import TIERS, world

QUICK = Space(fit=FitSettings(rounds=6, classes=5))


def quick(table: OutcomeTable, goal: Goal, **given: float) -> Tuned:
    return tune(table, goal, Settings(confidence=given.get("confidence", 0.6), space=QUICK))


def said(seed: int, n: int, **rates: tuple[float, float]) -> OutcomeTable:
    """A table with validators that err independently: name = (accepts right, rejects wrong)."""
    table = world(seed, n)
    g = np.random.default_rng(seed + 5)
    verdicts = {
        name: (g.random(table.outcome.shape) < np.where(table.outcome == 1, alpha, 1 - beta)).astype(float)
        for name, (alpha, beta) in rates.items()
    }
    together = np.minimum.reduce(list(verdicts.values()))
    return replace(table, accepted=together, verdicts=verdicts, check_seconds=dict.fromkeys(rates, 1.0))


GOALS = [
    Goal(kind="success", amount=0.7),
    Goal(kind="success", tier="strong"),
    Goal(kind="cost", amount=0.03),
    Goal(kind="value", amount=0.4),
]


@pytest.mark.parametrize("goal", GOALS, ids=str)
def test_verdicts_that_equal_the_truth_change_nothing_that_is_tuned(goal: Goal, tmp_path: Path) -> None:
    table = world(3, 200)
    plain, told = quick(table, goal), quick(replace(table, accepted=table.outcome), goal)
    assert told.report.document()["policies"] == plain.report.document()["policies"]
    assert told.advice == plain.advice
    assert told.met_probability == plain.met_probability
    for tuned, name in ((plain, "plain"), (told, "told")):
        write_config(tuned, tmp_path / f"{name}.yaml")
    strip = [
        "\n".join(line for line in (tmp_path / f"{name}.yaml").read_text().splitlines() if line[:1] != "#")
        for name in ("plain", "told")
    ]
    assert strip[0].replace("plain", "told") == strip[1]


def test_a_validator_that_only_rejects_right_answers_is_left_out(tmp_path: Path) -> None:
    tuned = quick(said(1, 600, mypy=(0.8, 0.02), pytest=(0.99, 0.95)), Goal(kind="value", amount=0.5))
    checks = tuned.choice.checks
    assert checks is not None
    assert (checks.kept, checks.dropped) == (("pytest",), ("mypy",))
    assert any(words == "chosen: check with pytest, leave out mypy" for words in checks.words())
    path = tmp_path / "tuned.yaml"
    write_config(tuned, path)
    text = path.read_text()
    config = load(path, need_env=False)
    assert [one.use for one in config.validators] == ["pytest"]
    assert "mypy alone accepts" in text
    assert "Chosen: check with pytest, leave out mypy." in text


def test_validators_that_catch_different_mistakes_are_both_kept() -> None:
    table = world(2, 600)
    wrong = table.outcome == 0
    half = np.random.default_rng(0).random(wrong.shape) < 0.5
    verdicts = {"a": 1.0 - (wrong & half), "b": 1.0 - (wrong & ~half)}
    table = replace(table, accepted=np.minimum(verdicts["a"], verdicts["b"]), verdicts=verdicts)
    checks = quick(table, Goal(kind="success", tier="strong")).choice.checks
    assert checks is not None
    assert checks.kept == ("a", "b")


def test_the_tuned_policy_believes_of_its_checks_what_was_learnt(tmp_path: Path) -> None:
    table = said(4, 600, mypy=(0.7, 0.02), pytest=(0.9, 0.8))
    tuned = quick(table, Goal(kind="value", amount=0.5))
    plan, checks = tuned.choice.policy, tuned.choice.checks
    assert isinstance(plan, ValuePlan)
    assert checks is not None
    assert plan.verifier == checks.rates.verifier
    assert plan.verifier.accept == pytest.approx(0.9, abs=0.05)
    assert plan.verifier.reject == pytest.approx(0.8, abs=0.06)
    path = tmp_path / "tuned.yaml"
    write_config(tuned, path)
    config = load(path, need_env=False)
    whole = on_config_checks(config, table)
    assert whole.accepted is not None
    assert whole.accepted.tolist() == table.verdicts["pytest"].tolist()
    again, whole = configured(config, whole)
    assert play(whole, again).cost == pytest.approx(play(table, tuned.choice.plan).cost)


def test_a_config_with_a_judge_is_played_on_the_verdicts_that_its_judge_was_asked_on(tmp_path: Path) -> None:
    said = {"pytest": np.array([[1.0, 1.0], [1.0, 1.0]]), "ruff": np.array([[1.0, 1.0], [0.0, 1.0]])}
    table = OutcomeTable(
        tasks=["a", "b"],
        arms=(Step("cheap"), Step("strong")),
        outcome=said["ruff"],
        cost=np.ones((2, 2)),
        figures={"judged_p": np.array([[0.9, 0.9], [np.nan, 0.9]])},
        accepted=said["ruff"],
        verdicts=said,
    )
    artifact = tmp_path / "judge.json"
    artifact.write_text("{}")
    path = tmp_path / "c.yaml"
    path.write_text(
        "version: 1\n"
        "tiers:\n"
        "  cheap: {model: a, base_url: http://x/v1, price: unknown}\n"
        "  strong: {model: b, base_url: http://x/v1, price: unknown}\n"
        "judge: {artifact: judge.json}\n"
        "validators: [pytest]\n"
    )
    played = on_config_checks(load(path, need_env=False), table)
    assert played.accepted is not None
    assert played.accepted[1, 0] == 0.0
    assert any("as logged, with ruff" in note for note in played.notes)


def test_the_search_finds_what_is_better_than_the_set_that_was_logged() -> None:
    table = said(5, 1200, mypy=(0.7, 0.05), pytest=(0.99, 0.95))
    goal = Goal(kind="value", amount=1.0)
    free, bound = quick(table, goal), quick(replace(table, verdicts={}), goal)
    unseen = said(55, 20_000, mypy=(0.7, 0.05), pytest=(0.99, 0.95))

    def worth(tuned: Tuned) -> float:
        played = play(unseen, tuned.choice.plan)
        return float((goal.amount * played.success - played.cost).mean())

    assert worth(free) > worth(bound) + 0.005


@pytest.mark.parametrize(("logs", "promises", "most_broken"), first([(2, 1, 0), (12, 6, 2)]))
def test_a_promise_over_validators_is_seldom_broken(logs: int, promises: int, most_broken: int) -> None:
    """Of 12 at 5%: 0.6 and twice its standard error. The first two are fixed by their seeds."""
    truth = said(999, 30_000, a=(0.9, 0.3), b=(0.97, 0.8), c=(0.99, 0.1))
    broken = promised = 0
    for seed in range(logs):
        table = said(seed, 240, a=(0.9, 0.3), b=(0.97, 0.8), c=(0.99, 0.1))
        tuned = quick(table, Goal(kind="success", amount=0.72), confidence=0.95)
        if tuned.choice.pick.promised:
            promised += 1
            broken += float(play(truth, tuned.choice.plan).success.mean()) < 0.72
    assert promised >= promises
    assert broken <= most_broken


def test_without_ground_truth_no_validator_is_left_out_and_it_is_said() -> None:
    table = said(6, 200, mypy=(0.8, 0.02), pytest=(0.99, 0.95))
    blind = replace(table, outcome=table.accepted, accepted=None)  # type: ignore[arg-type]
    tuned = quick(blind, Goal(kind="value", amount=0.5))
    assert tuned.choice.checks is None
    assert any("false rejections cannot be seen: no validator is left out" in note for note in tuned.notes)


def test_sets_of_which_the_log_cannot_say_what_they_would_have_done_are_not_offered() -> None:
    table = said(7, 200, mypy=(0.8, 0.1), pytest=(0.95, 0.9))
    stopped = np.where(table.verdicts["mypy"] == 0, np.nan, table.verdicts["pytest"])
    early = replace(table, verdicts={**table.verdicts, "pytest": stopped})
    assert offered_sets(early) == (("mypy",), ("mypy", "pytest"))
    assert len(offered_sets(table)) == 3


def test_more_than_six_validators_are_left_out_one_by_one() -> None:
    rates = {f"v{k}": (0.99, 0.3) for k in range(7)} | {"bad": (0.5, 0.0)}
    offered = offered_sets(said(8, 300, **rates))
    assert [len(one) for one in offered] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert "bad" not in offered[1]


def write_table(path: Path, table: OutcomeTable) -> Path:
    lines = ["task_id,model,outcome,cost_usd," + ",".join(f"verdict:{name}" for name in table.verdicts)]
    for row, task in enumerate(table.tasks):
        for k, arm in enumerate(table.arms):
            said = ",".join(f"{values[row, k]:.0f}" for values in table.verdicts.values())
            lines.append(f"{task},{arm.tier},{table.outcome[row, k]:.0f},{table.cost[row, k]:.6f},{said}")
    path.write_text("\n".join(lines) + "\n")
    return path


def tuned_by_command(tmp_path: Path, *more: str) -> dict[str, Any]:
    log = write_table(tmp_path / "log.csv", said(9, 150, mypy=(0.75, 0.02), pytest=(0.98, 0.95)))
    words = [str(log), "-o", str(tmp_path / "out.yaml"), "--value", "0.5", "--json", *more]
    ran = CliRunner().invoke(command, words, catch_exceptions=False)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_the_command_tells_what_was_learnt_and_chosen(tmp_path: Path) -> None:
    found = tuned_by_command(tmp_path)
    assert found["checks"]["validators"] == ["pytest"]
    assert found["checks"]["left_out"] == ["mypy"]
    assert found["verifier"]["source"] == "learnt"
    assert found["checks"]["used"]["accepts_right"]["ci"][0] > 0.9
    assert "mypy alone accepts" in " ".join(found["checks"]["words"])


def test_the_bases_own_validators_and_their_options_stay(tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    tiers = "\n".join(
        f'  {tier}: {{model: m, base_url: "http://localhost:1/v1", price: unknown}}' for tier in TIERS
    )
    base.write_text(
        f"version: 1\ntiers:\n{tiers}\nvalidators: [syntax, mypy, {{use: pytest, timeout_s: 20}}]\n"
        "policy: {use: fixed, order: [cheap]}\n"
    )
    tuned_by_command(tmp_path, "--base", str(base))
    config = load(tmp_path / "out.yaml", need_env=False)
    assert [one.spec for one in config.validators] == [{"use": "syntax"}, {"use": "pytest", "timeout_s": 20}]


def test_a_verifier_given_by_hand_overrides_what_is_logged_and_says_so(tmp_path: Path) -> None:
    found = tuned_by_command(tmp_path, "--verifier", "90/80")
    assert found["verifier"] == {"accepts_right": 0.9, "rejects_wrong": 0.8, "source": "given"}
    assert "checks" not in found
    assert any("--verifier is assumed of the checks" in note for note in found["notes"])
    assert "as given by hand" in (tmp_path / "out.yaml").read_text()


def test_validators_that_no_config_knows_by_name_are_named_in_a_comment(tmp_path: Path) -> None:
    tuned = quick(said(10, 200, lint=(0.7, 0.02), unit=(0.99, 0.95)), Goal(kind="value", amount=0.5))
    path = tmp_path / "tuned.yaml"
    write_config(tuned, path)
    assert load(path, need_env=False).validators
    assert "write unit under `validators`" in path.read_text().replace("\n# ", " ")


def test_a_perfect_verifier_is_assumed_and_stated_where_nothing_is_logged(tmp_path: Path) -> None:
    tuned = quick(world(11, 120), Goal(kind="value", amount=0.5))
    write_config(tuned, tmp_path / "t.yaml")
    assert "Checks are taken never to err" in (tmp_path / "t.yaml").read_text()
    assert tuned.verifier == Verifier()
