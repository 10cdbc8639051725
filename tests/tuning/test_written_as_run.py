"""What `tune` writes decides in a run as it was judged: retries, ways of showing, texts and checks that err."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from cascade.config import load
from cascade.nodes.ending import best
from cascade.policy.expected_value import Conditions, ExpectedValuePolicy
from cascade.policy.latent import Arm, LatentEstimates
from cascade.policy.steps import Step, Verifier
from cascade.replay.config_checks import on_config_checks
from cascade.replay.configured import Surroundings, configured
from cascade.replay.engine import play
from cascade.replay.policy_plan import PolicyPlan
from cascade.replay.table import Floats, OutcomeTable
from cascade.replay.value_plan import ValuePlan
from cascade.tuning.estimates import FitSettings
from cascade.tuning.families import Adaptive, Space
from cascade.tuning.goal import Goal
from cascade.tuning.tune import Settings, tune
from cascade.tuning.write import value_plan, write_config
from cascade.types import Task
from cascade.wiring import parts
from tests.laws import first
from tests.machine.test_given_back import rejected

ARMS = (
    Step("cheap"),
    Step("strong"),
    Step("cheap", 2, "cheap", "diagnostics"),
    Step("cheap", 2, "cheap", "full"),
    Step("strong", 1, "cheap", "diagnostics"),
)
LEVELS, PRICES = (0.5, 1.8, 0.3, 0.2, 2.1), (0.01, 0.08, 0.012, 0.015, 0.09)
QUICK = FitSettings(rounds=8, classes=7)


@cache
def everything(seed: int, n: int = 400) -> tuple[OutcomeTable, dict[str, Task]]:
    """A log of two validators, one of which rejects much that is right; two kinds of failures; hard tasks say so."""
    g = np.random.default_rng(seed)
    hard, kind = g.random((2, n, 1)) < 0.5
    z = g.normal(size=(n, 1)) - 1.5 * hard
    stuck = np.array([0.0, 0.0, 2.5, 0.0, 0.0]) * kind
    right = (g.random((n, 5)) < 1 / (1 + np.exp(-(np.array(LEVELS) + 1.5 * z - stuck)))).astype(float)
    cost = np.array(PRICES) * np.exp(0.4 * g.normal(size=(n, 5)) - 0.3 * z)
    said = {
        name: np.where(right == 1, g.random((n, 5)) < yes, g.random((n, 5)) < no).astype(float)
        for name, yes, no in (("pytest", 0.98, 0.2), ("ruff", 0.7, 0.85))
    }
    accepted = np.minimum(said["pytest"], said["ruff"])
    figures = {f"failed_{name}": 1 - values for name, values in said.items()}
    figures["diagnostics"] = g.poisson(2 + 2 * kind, size=(n, 5)).astype(float)
    ended = accepted[:, 0] == 1
    for values in (right, cost, accepted, *said.values(), *figures.values()):
        values[ended, 2:] = np.nan
    names = [f"t{seed}-{k:04d}" for k in range(n)]
    words = [f"{'prove convergence' if one else 'add numbers'} {g.integers(10_000)}" for one in hard[:, 0]]
    table = OutcomeTable(
        tasks=names, arms=ARMS, outcome=right, cost=cost, figures=figures, accepted=accepted, verdicts=said
    )
    return table, {name: Task(id=name, prompt=text) for name, text in zip(names, words, strict=True)}


def verdicts_only(table: OutcomeTable) -> OutcomeTable:
    assert table.accepted is not None
    return replace(table, outcome=table.accepted, accepted=None, verdicts={})


@pytest.mark.parametrize("value", first([0.3, 0.2]))
@pytest.mark.parametrize("read", [False, True], ids=["unread", "texts read"])
@pytest.mark.parametrize("errs", first([True, False]), ids=["checks err", "checks never err"])
def test_a_run_decides_as_the_config_was_judged(
    tmp_path: Path, value: float, *, read: bool, errs: bool
) -> None:
    table, tasks = everything(1)
    table = table if errs else verdicts_only(table)
    space = Space(fit=QUICK)
    settings = Settings(confidence=0.5, space=space, families=(Adaptive(),), tasks=tasks if read else None)
    tuned = tune(table, Goal(kind="value", amount=value), settings)
    assert value_plan(tuned.choice.policy) is not None
    write_config(tuned, tmp_path / "c.yaml")
    config = load(tmp_path / "c.yaml", need_env=False)
    assert config.tiers["strong"].history.escalation == "diagnostics"

    def chances(wanted: list[Task]) -> Mapping[str, list[float]]:
        rows = [parts.classifier(config).probabilities(task, tuple(config.tiers)) for task in wanted]
        return {tier: [row[tier] for row in rows] for tier in config.tiers}

    plan, table = configured(
        config, on_config_checks(config, table), Surroundings(chances=chances, tasks=tasks)
    )
    assert isinstance(plan, ValuePlan)
    shown = {name: tier.history for name, tier in config.tiers.items()}
    asked = PolicyPlan(parts.policy(config), tuple(config.tiers), shown=shown, priced=False)
    one, other = play(table, plan), play(table, asked)
    assert one.success == pytest.approx(other.success, nan_ok=True)
    assert one.cost == pytest.approx(other.cost, nan_ok=True)


def test_a_policy_that_is_asked_row_by_row_is_shown_what_the_config_shows(tmp_path: Path) -> None:
    table = verdicts_only(everything(1)[0])
    path = tmp_path / "c.yaml"
    path.write_text(
        "version: 1\n"
        "tiers:\n"
        "  cheap: {model: a, base_url: http://x/v1, price: unknown, history: none}\n"
        "  strong: {model: b, base_url: http://x/v1, price: unknown, history: diagnostics}\n"
        "policy: {use: expected_value, value_usd: 1, max_attempts: 2, attempts: {cheap: 1}, explore: 0.01}\n"
    )
    plan, table = configured(load(path, need_env=False), table)
    assert isinstance(plan, PolicyPlan)
    walk = plan.walk(table)
    rows = np.flatnonzero(table.outcome[:, 0] == 0)
    walk.rejected(rows, np.zeros(len(rows), dtype=np.intp))
    chosen = walk.choose(rows)
    assert set(chosen[np.isin(chosen, [1, 4])]) == {4}


def test_a_validator_that_is_left_out_is_no_evidence() -> None:
    table, _ = everything(1)
    settings = Settings(confidence=0.5, space=Space(fit=QUICK), families=(Adaptive(),))
    tuned = tune(table, Goal(kind="value", amount=0.2), settings)
    plan, checks = value_plan(tuned.choice.policy), tuned.choice.checks
    assert plan is not None
    assert checks is not None
    assert checks.dropped == ("ruff",)
    traces = {name for arm in plan.estimates.arms.values() for name in arm.traces}
    assert "failed_pytest" in traces
    assert "failed_ruff" not in traces


def test_a_stop_names_the_very_attempt_whose_answer_is_the_best() -> None:
    """Of one tier's two answers the first is the likelier one, whatever was found in them."""
    sure, unsure = Step("flash"), Step("flash", 2, "flash", "diagnostics")
    arms = {step: Arm(step, (p,), cost_usd=(0.01,)) for step, p in ((sure, 0.9), (unsure, 0.1))}
    estimates = LatentEstimates(weights=(1.0,), arms=arms, line=(0.0,), known_only=True)
    made: Floats = np.array([[0.0, 0.0]])
    table = OutcomeTable(
        tasks=["t"], arms=(sure, unsure), outcome=np.array([[1.0, 0.0]]), cost=made + 0.01, accepted=made
    )
    verifier = Verifier(0.5, 0.9)
    policy = ExpectedValuePolicy(
        1.0,
        max_attempts=2,
        estimates=estimates,
        conditions=Conditions(verifier=verifier, shown={"flash": "diagnostics"}),
    )
    assert play(table, ValuePlan(estimates, 1.0, 2, verifier)).success[0] == 1.0
    assert play(table, PolicyPlan(policy, ("flash",), priced=False)).success[0] == 1.0
    given = best((rejected(1, "flash", 3), rejected(2, "flash", 1)), tier="flash", number=1)
    assert given is not None
    assert given.number == 1
