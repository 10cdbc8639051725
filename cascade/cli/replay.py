"""`cascade replay LOG -c CONFIG`: what another config would have done on this log, without a model call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cascade.errors import UsageError

if TYPE_CHECKING:
    from cascade.config import Config
    from cascade.replay.configured import Surroundings
    from cascade.replay.replay import Replayed
    from cascade.types import Task


@click.command()
@click.argument("log", type=click.Path(path_type=Path))
@click.option("-c", "--config", "config_path", type=click.Path(path_type=Path), required=True)
@click.option("--tasks", "tasks_path", type=click.Path(path_type=Path), help="Task file, for the classifier.")
@click.option("--cost", "costs", multiple=True, metavar="TIER=USD", help="A flat cost of an attempt.")
@click.option("--verifier", metavar="A/B", help="Assume checks that accept A% of right, reject B% of wrong.")
@click.option("--revalidate", is_flag=True, help="Put the recorded answers through the config's validators.")
@click.option("--plot", "plot_path", type=click.Path(path_type=Path), help="Picture of cost against success.")
@click.option(
    "--plot-money", "money_path", type=click.Path(path_type=Path), help="Picture of where each dollar went."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def replay(
    log: Path,
    *,
    config_path: Path,
    tasks_path: Path | None,
    as_json: bool,
    plot_path: Path | None,
    money_path: Path | None,
    revalidate: bool,
    **given: object,
) -> None:
    """Say what CONFIG would have done on LOG (a trace or an outcome table), beside its baselines."""
    from cascade.cli.logs import cost_options, verifier_option
    from cascade.config import load
    from cascade.replay.configured import configured
    from cascade.replay.log import read_log
    from cascade.replay.prepare import priced
    from cascade.replay.replay import replay_episodes
    from cascade.replay.replay_parts import replay_table
    from cascade.tuning.estimates import fit_estimates

    config = load(config_path, need_env=False)
    if revalidate:
        from cascade.cli.revalidate import revalidated

        read = revalidated(log, config)
    else:
        read = read_log(log)
    table = priced(read.table, cost_options(given["costs"]))
    verifier = verifier_option(given["verifier"])
    plan, table = configured(config, table, _around(config, tasks_path))
    if read.episodes is None:
        found = replay_table(table, plan, verifier=verifier)
    elif verifier is not None:
        raise UsageError("--verifier is for outcome tables", hint="a trace holds the verdicts themselves")
    else:
        from dataclasses import replace

        episodes = replace(read.episodes, table=table)
        found = replay_episodes(episodes, plan, model=lambda part: fit_estimates(part.table))
    if plot_path is not None:
        from cascade.tuning.pictures import cost_against_success

        cost_against_success(found.document()["policies"], plot_path)
    if money_path is not None:
        from cascade.tuning.pictures import money

        money(found.document()["policies"], money_path)
    click.echo(json.dumps(found.document()) if as_json else _text(found))


def _around(config: Config, tasks_path: Path | None) -> Surroundings:
    from cascade.cli.logs import classifier_of, policy_of
    from cascade.replay.configured import Surroundings

    if tasks_path is None:
        return Surroundings(plugin=policy_of)
    from cascade.cli.logs import tasks_by_id

    tasks = tasks_by_id(tasks_path)

    def chances(wanted: list[Task]) -> Mapping[str, list[float]]:
        classifier = classifier_of(config)
        rows = [classifier.probabilities(task, tuple(config.tiers)) for task in wanted]
        return {tier: [row[tier] for row in rows] for tier in config.tiers}

    return Surroundings(plugin=policy_of, chances=chances, tasks=tasks)


def _text(found: Replayed) -> str:
    from cascade.cli.logs import policies_text

    return policies_text(found.document())
