"""Verdict columns of an outcome table: what is true and what the checks said are told apart, bad ones refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from cascade.cli.replay import replay
from cascade.errors import CascadeError
from cascade.policy.steps import Step
from cascade.replay.engine import play
from cascade.replay.plans import CheckedPlan, FixedPlan
from cascade.replay.rates import learnt
from cascade.replay.read_table import read_table
from cascade.replay.verdicts import narrowed

HEAD = "task_id,model,outcome,cost_usd,verdict,verdict:ruff,verdict:pytest,latency:pytest\n"
ROWS = """\
a,flash,1,0.1,0,0,,
a,pro,1,1,1,1,1,2
b,flash,0,0.1,1,1,1,4
b,pro,0,1,0,1,0,3
c,flash,1,0.1,,,,
c,pro,1,1,1,1,1,3
"""
CONFIG = """version: 1
tiers:
  flash: {{model: m, base_url: "http://localhost:1/v1", price: unknown}}
  pro: {{model: m, base_url: "http://localhost:1/v1", price: unknown}}
validators: {validators}
policy: {{use: fixed, order: [flash, pro]}}
"""


def written(tmp_path: Path, text: str, name: str = "log.csv") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_truth_verdicts_and_seconds_are_read_apart(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, HEAD + ROWS))
    assert table.accepted is not None
    assert table.outcome[:, 0].tolist() == [1, 0, 1]
    assert np.array_equal(table.accepted[:, 0], [0, 1, np.nan], equal_nan=True)
    assert list(table.verdicts) == ["ruff", "pytest"]
    assert table.check_seconds == {"pytest": 3.0}
    assert not table.figures
    assert "1 answers could not be checked: they are given back as they are" in table.notes


def test_the_whole_verdict_is_what_the_validators_say_together(tmp_path: Path) -> None:
    head = "task_id,model,outcome,verdict:ruff,verdict:pytest\n"
    table = read_table(written(tmp_path, head + "a,m,1,1,\nb,m,1,1,0\nc,m,1,,\nd,m,1,1,1\n"))
    assert np.array_equal(table.accepted[:, 0], [1, 0, np.nan, 1], equal_nan=True)  # type: ignore[index]


def test_without_any_truth_the_verdict_stands_for_it_and_it_is_said(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "task_id,model,outcome,verdict\na,m,,1\nb,m,,0\n"))
    assert table.accepted is None
    assert table.outcome[:, 0].tolist() == [1, 0]
    assert any("no ground truth is logged" in note for note in table.notes)


def test_where_some_truth_is_known_an_answer_without_it_is_unknown(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "task_id,model,outcome,verdict\na,m,1,1\nb,m,,1\n"))
    assert np.isnan(table.outcome[1, 0])
    assert any("the truth is known for 1 of 2 answers" in note for note in table.notes)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("task_id,model,outcome,verdict\na,m,1,0.5\n", r"log\.csv:2: verdict is 0\.5"),
        (
            "task_id,model,outcome,verdict\na,m,1,1\nb,m,1,passed\n",
            r"log\.csv:3: verdict is 'passed', not a number",
        ),
        ("task_id,model,outcome,verdict\na,m,1,nan\n", r"log\.csv:2: verdict is 'nan'"),
        ("task_id,model,outcome,verdict:ruff\na,m,1,2\n", r"log\.csv:2: verdict:ruff is 2"),
        ("task_id,model,outcome,verdict:ruff\na,m,1,inf\n", r"log\.csv:2: verdict:ruff is inf"),
        ("task_id,model,outcome,verdict:\na,m,1,1\n", "without a name"),
        (
            "task_id,model,outcome,verdict,verdict:ruff\na,m,1,1,0\n",
            r"log\.csv:2: verdict is 1 although verdict:ruff",
        ),
        ("task_id,model,outcome,verdict\na,m,,\n", "no row has an outcome"),
        ("task_id,model,stage,outcome,verdict\na,m,x,1,1\n", "verdicts of stages"),
    ],
)
def test_a_bad_verdict_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(CascadeError, match=says):
        read_table(written(tmp_path, text))


def test_a_blank_verdict_column_is_no_verdict(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "task_id,model,outcome,verdict\na,m,1,\nb,m,0,\n"))
    assert table.accepted is None
    assert table.outcome[:, 0].tolist() == [1, 0]
    assert any("no verdict is logged" in note for note in table.notes)


def test_a_looser_set_is_played_on_its_own_verdicts(tmp_path: Path) -> None:
    head = "task_id,model,outcome,cost_usd,verdict:mypy,verdict:pytest\n"
    table = read_table(
        written(tmp_path, head + "a,flash,1,1,0,1\na,pro,1,9,1,1\nb,flash,0,1,1,0\nb,pro,1,9,1,1\n")
    )
    plan = FixedPlan((Step("flash"), Step("pro")))
    assert play(table, plan).cost.tolist() == [10, 10]
    assert play(table, CheckedPlan(plan, ("pytest",))).cost.tolist() == [1, 10]
    assert play(table, CheckedPlan(plan, ("mypy",))).success.tolist() == [1, 0]


def test_what_a_validator_that_did_not_run_would_have_said_is_open(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, HEAD + ROWS))
    alone = narrowed(table, ["pytest"])
    assert np.isnan(alone.outcome[0, 0])  # ruff failed, pytest never ran
    assert alone.outcome[1, 0] == 0
    rates = learnt(table, ["ruff"])
    assert rates is not None
    assert rates.accepts_right.n == 3
    with pytest.raises(ValueError, match="no verdicts of mypy"):
        narrowed(table, ["mypy"])


def replayed(log: Path, config: Path, *more: str) -> dict[str, Any]:
    ran = CliRunner().invoke(replay, [str(log), "-c", str(config), "--json", *more], catch_exceptions=False)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def many(n: int) -> str:
    """Right answers that mypy rejects now and then, wrong ones that only pytest catches."""
    g = np.random.default_rng(0)
    lines = ["task_id,model,outcome,cost_usd,verdict:mypy,verdict:pytest"]
    for k in range(n):
        for model, rate, cost in (("flash", 0.6, 0.1), ("pro", 0.9, 1.0)):
            right = int(g.random() < rate)
            mypy, tests = int(g.random() < 0.9), int(g.random() < (0.98 if right else 0.1))
            lines.append(f"t{k},{model},{right},{cost},{mypy},{tests}")
    return "\n".join(lines) + "\n"


def test_replay_checks_with_the_configs_validators_and_says_what_each_is_worth(tmp_path: Path) -> None:
    log = written(tmp_path, many(400))
    whole = replayed(log, written(tmp_path, CONFIG.format(validators="[mypy, pytest]"), "a.yaml"))
    less = replayed(log, written(tmp_path, CONFIG.format(validators="[pytest]"), "b.yaml"))
    more = replayed(log, written(tmp_path, CONFIG.format(validators="[mypy, pytest, ruff]"), "c.yaml"))
    assert less["policies"][0]["cost_usd"] < whole["policies"][0]["cost_usd"]
    assert more["policies"][0] == whole["policies"][0]
    assert any("no verdicts of ruff" in note for note in more["support"]["notes"])
    assert any("without mypy" in note for note in less["support"]["notes"])
    assert {tuple(one["validators"]) for one in whole["checks"]["sets"]} == {
        ("mypy",),
        ("pytest",),
        ("mypy", "pytest"),
    }
    assert 0.8 < whole["checks"]["learnt"]["accepts_right"]["share"] < 0.95
    assert set(whole["checks"]["by_tier"]) == {"flash", "pro"}


def test_a_verifier_given_by_hand_overrides_the_verdicts_and_says_so(tmp_path: Path) -> None:
    log, config = (
        written(tmp_path, many(100)),
        written(tmp_path, CONFIG.format(validators="[pytest]"), "c.yaml"),
    )
    given = replayed(log, config, "--verifier", "100/100")
    assert any("--verifier is assumed" in note for note in given["support"]["notes"])
    bare = "\n".join(",".join(line.split(",")[:4]) for line in log.read_text().splitlines()) + "\n"
    plain = replayed(written(tmp_path, bare, "plain.csv"), config)
    assert given["policies"][0]["success"] == plain["policies"][0]["success"]
    assert given["policies"][0]["cost_usd"] == plain["policies"][0]["cost_usd"]


def test_partitions_give_the_figures_of_one_table_even_if_one_holds_no_truth(tmp_path: Path) -> None:
    lines = many(100).splitlines()
    head, rows = lines[0], [row.split(",") for row in lines[1:]]
    for row in rows[:2]:
        row[2] = ""
    text = [",".join(row) for row in rows]
    config = written(tmp_path, CONFIG.format(validators="[pytest]"), "c.yaml")
    one = written(tmp_path, "\n".join([head, *text]) + "\n")
    folder = tmp_path / "parts"
    folder.mkdir()
    for k, part in enumerate((text[:2], text[2:120], text[120:])):
        (folder / f"{k}.csv").write_text("\n".join([head, *part]) + "\n")
    whole, parts = replayed(one, config), replayed(folder, config)
    assert whole["checks"] == parts["checks"]
    assert whole["support"] == parts["support"]
    assert whole["n_tasks"] == parts["n_tasks"] == 99
    for name in ("success", "cost_usd", "cost_ci"):
        assert [one[name] for one in whole["policies"]] == [one[name] for one in parts["policies"]]
