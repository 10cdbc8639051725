"""`cascade classify TASKS`: what the classifier makes of each task, and where the policy would start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cascade.classifiers.base import Classifier
    from cascade.classifiers.explanation import Explanation
    from cascade.config import Config
    from cascade.forecast import Forecast
    from cascade.policy.base import Policy
    from cascade.types import Task


@click.command()
@click.argument("what", metavar="TASKS.jsonl|PROMPT")
@click.option("-c", "--config", "config_path", help="Config file. Default: as for `cascade run`.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout, nothing else.")
def classify(what: str, *, config_path: str | None, as_json: bool) -> int:
    """P(pass) by tier for each task of TASKS.jsonl, with its reason, and the tier a run would start at.

    No model is called, and no key is needed. Exit 0: done; 1: a line of the file is no task.
    """
    from cascade.cli.run import list_tasks
    from cascade.types import Task

    router = _Router.of(_config(config_path))
    rows, broken = [], []
    for task in list_tasks(what, show_tests=router.config.show_tests):
        if isinstance(task, Task):
            rows.append(router.row(task))
        else:
            broken.append({"id": task.id, "error": str(task)})
    classifier = {"name": router.classifier.name, "version": router.classifier.version}
    if as_json:
        click.echo(json.dumps({"classifier": classifier, "tasks": rows, "broken": broken}))
    else:
        _show(rows, f"{router.classifier.name} {router.classifier.version}")
    for one in broken:
        click.echo(f"error: {one['error']}", err=True)
    return 1 if broken else 0


def _config(path: str | None) -> Config:
    """The config that `run` would take; variables (keys) may be unset."""
    from pathlib import Path

    from cascade.cli.run import CONFIG_NAMES
    from cascade.config import default_config, installed, load

    found = path or next((name for name in CONFIG_NAMES if Path(name).is_file()), None)
    return default_config() if found is None else load(found, need_env=False, plugins=installed())


@dataclass(frozen=True, slots=True)
class _Router:
    """What is needed to choose where to start: no endpoint, no sandbox."""

    config: Config
    classifier: Classifier
    policy: Policy
    forecast: Forecast

    @classmethod
    def of(cls, config: Config) -> _Router:
        from cascade.forecast import Forecast
        from cascade.ledger import Pricer
        from cascade.prices import PriceBook
        from cascade.wiring.parts import classifier, policy, typical_output
        from cascade.wiring.tiers import tariffs, tier_cost

        pricer = Pricer(tariffs(config), book=PriceBook())
        costs = {name: tier_cost(name, one, pricer) for name, one in config.tiers.items()}
        return cls(config, classifier(config), policy(config), Forecast(costs, typical_output(config)))

    def row(self, task: Task) -> dict[str, Any]:
        """One task of the document (design 5.8)."""
        from cascade.policy.base import Situation

        tiers = tuple(self.config.tiers)
        explained = self._explain(task, tiers)
        probabilities = (
            {tier: one.p for tier, one in explained.estimates.items()}
            if explained is not None
            else self.classifier.probabilities(task, tiers)
        )
        decision = self.policy.decide(
            Situation(
                task=task, tiers=tiers, probabilities=probabilities, expected_cost=self._costs(task, tiers)
            )
        )
        row: dict[str, Any] = {
            "id": task.id,
            "probabilities": probabilities,
            "tier": decision.tier,
            "reason": decision.reason,
        }
        if explained is not None:
            row["reason"] = f"{decision.reason}; {explained.reason}"
            row["estimates"] = {
                tier: {"low": one.low, "high": one.high, "known": one.known, "reason": one.reason}
                for tier, one in explained.estimates.items()
            }
        return row

    def _explain(self, task: Task, tiers: tuple[str, ...]) -> Explanation | None:
        """Reasons, where the classifier (a plug-in perhaps) gives any."""
        explain = getattr(self.classifier, "explain", None)
        return None if explain is None else explain(task, tiers)

    def _costs(self, task: Task, tiers: tuple[str, ...]) -> dict[str, float | None]:
        from cascade.prompting import DEFAULT_SYSTEM_PROMPT, build

        system = self.config.system_prompt
        prompt = build(
            task,
            (),
            history="none",
            feedback=lambda _: "",
            system_prompt=DEFAULT_SYSTEM_PROMPT if system is None else system,
        )
        return {tier: self.forecast.expected(tier, prompt.messages) for tier in tiers}


def _show(rows: list[dict[str, Any]], classifier: str) -> None:
    from rich.table import Table

    from cascade.cli.screen import console

    table = Table(title=f"P(a first attempt passes), by {classifier}", title_justify="left")
    tiers = list(rows[0]["probabilities"]) if rows else []
    for column in ("task", *tiers, "start", "why"):
        table.add_column(column, overflow="fold")
    for row in rows:
        known = row.get("estimates", {})
        table.add_row(row["id"], *_cells(row, tiers, known), row["tier"] or "-", _why(row, known))
    console().print(table)


def _cells(row: dict[str, Any], tiers: list[str], known: dict[str, Any]) -> Iterator[str]:
    for tier in tiers:
        p = row["probabilities"][tier]
        one = known.get(tier)
        yield f"{p:.2f}" if one is None else f"{p:.2f} ({one['low']:.2f}-{one['high']:.2f})"


def _why(row: dict[str, Any], known: dict[str, Any]) -> str:
    """The first tier's reason: those of the others say the same of other weights."""
    return str(next((one["reason"] for one in known.values()), row["reason"]))
