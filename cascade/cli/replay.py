"""`cascade replay LOG -c CONFIG`: what another config would have done on this log, without a model call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cascade.cli.parts import ray_option
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
@ray_option
@click.option(
    "--truth", "truth_path", type=click.Path(path_type=Path), help="What is true of a trace's answers (CSV)."
)
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
    **given: Any,
) -> None:
    """Say what CONFIG would have done on LOG, beside its baselines.

    LOG is a trace, an outcome table, or a folder of outcome tables that together are one.
    """
    from cascade.config import load
    from cascade.replay.log import holds_a_trace
    from cascade.storage import check_place

    for place in (plot_path, money_path):
        if place is not None:
            check_place(place, what="picture")
    config = load(config_path, need_env=False)
    around = _around(config, tasks_path)
    if revalidate or holds_a_trace(log):
        found = _trace(log, config, around, given | {"revalidate": revalidate})
    else:
        found = _tables(log, config, around, given)
    if plot_path is not None:
        from cascade.tuning.pictures import cost_against_success

        cost_against_success(found.document()["policies"], plot_path)
    if money_path is not None:
        from cascade.tuning.pictures import money

        money(found.document()["policies"], money_path)
    click.echo(json.dumps(found.document()) if as_json else _text(found))


def _tables(log: Path, config: Config, around: Surroundings, given: Mapping[str, Any]) -> Replayed:
    from cascade.cli.logs import assuming, cost_options, verifier_option
    from cascade.cli.parts import opened
    from cascade.replay.checks_report import log_checks
    from cascade.replay.config_checks import on_config_checks_parts
    from cascade.replay.configured_parts import configured_parts
    from cascade.replay.log import refuse_truth
    from cascade.replay.read_parts import read_parts
    from cascade.replay.replay_parts import replay_parts

    refuse_truth(log, given["truth_path"])
    if config.judge is not None:
        raise UsageError(f"{log} holds no answers to judge", hint="replay a config with a judge on a trace")
    verifier = verifier_option(given["verifier"])
    with opened(log, ray=given["ray"]) as sources:
        read = read_parts(sources, cost_options(given["costs"]))
        checks = log_checks(read.parts, read.about)
        read = on_config_checks_parts(config, read) if verifier is None else assuming(read)
        plan, read = configured_parts(config, read, around)
        found = replay_parts(read.parts, plan, about=read.about, verifier=verifier)
        return replace(found, checks=checks)


def _trace(log: Path, config: Config, around: Surroundings, given: Mapping[str, Any]) -> Replayed:
    from cascade.cli.logs import cost_options
    from cascade.cli.parts import refuse_ray
    from cascade.cli.revalidate import rejudged, revalidated
    from cascade.replay.checks_report import checks_report
    from cascade.replay.config_checks import on_config_checks
    from cascade.replay.configured import configured
    from cascade.replay.log import read_log
    from cascade.replay.prepare import priced
    from cascade.replay.shadows import replay_logged
    from cascade.tuning.estimates import fit_estimates

    refuse_ray(given["ray"])
    if given["verifier"] is not None:
        raise UsageError("--verifier is for outcome tables", hint="a trace holds the verdicts themselves")
    truth = given["truth_path"]
    if given["revalidate"]:
        read = revalidated(log, config, truth=truth)
    else:
        read = read_log(log, truth=truth) if config.judge is None else rejudged(log, config, truth=truth)
    assert read.episodes is not None
    episodes = read.episodes
    table = priced(episodes.table, cost_options(given["costs"]))
    checks = checks_report(table)
    if tuple(episodes.versions) == (config.sha256,) and not given["revalidate"]:
        from cascade.replay.as_logged import replay_as_logged

        return replace(replay_as_logged(replace(episodes, table=table)), checks=checks)
    around, notes = _around_trace(log, config, around)
    plan, table = configured(config, on_config_checks(config, table), around)
    episodes = replace(episodes, table=replace(table, notes=(*table.notes, *notes)))
    found = replay_logged(episodes, plan, model=lambda part: fit_estimates(part.table))
    return replace(found, checks=checks)


def _around(config: Config, tasks_path: Path | None) -> Surroundings:
    from cascade.cli.train_log import read_texts

    return _reading(config, read_texts(str(tasks_path)) if tasks_path is not None else {})


def _around_trace(log: Path, config: Config, around: Surroundings) -> tuple[Surroundings, tuple[str, ...]]:
    """Where another classifier than the config's told a trace's tasks, the config's reads the texts that it holds."""
    from cascade.cli.logs import classifier_of
    from cascade.cli.trace_texts import tasks_of, told_by, with_texts
    from cascade.replay.configured import asks_classifier
    from cascade.trace.reader import read_trace

    if around.tasks or not asks_classifier(config):
        return around, ()
    events = read_trace(log).events
    if told_by(events, classifier_of(config)):
        return around, ()
    tasks = tasks_of(events)
    if tasks and len(with_texts(tasks)) == len(tasks):
        return _reading(config, tasks), ()
    note = "another classifier than the config's told these tasks, and is believed: the log lacks texts (--tasks)"
    return around, (note,)


def _reading(config: Config, tasks: Mapping[str, Task]) -> Surroundings:
    """What replay needs besides a config, with its classifier where there are texts."""
    from cascade.cli.logs import classifier_of, policy_of
    from cascade.replay.configured import Surroundings

    if not tasks:
        return Surroundings(plugin=policy_of)

    def chances(wanted: list[Task]) -> Mapping[str, list[float]]:
        classifier = classifier_of(config)
        rows = [classifier.probabilities(task, tuple(config.tiers)) for task in wanted]
        return {tier: [row[tier] for row in rows] for tier in config.tiers}

    return Surroundings(plugin=policy_of, chances=chances, tasks=tasks)


def _text(found: Replayed) -> str:
    from cascade.cli.logs import policies_text

    return policies_text(found.document())
