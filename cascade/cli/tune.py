"""`cascade tune LOG -o CONFIG`: the best policy for a goal, judged on tasks that the search did not see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cascade.cli.parts import ray_option
from cascade.errors import UsageError

if TYPE_CHECKING:
    from cascade.replay.episodes import Episodes
    from cascade.replay.table import OutcomeTable
    from cascade.tuning.goal import Goal
    from cascade.tuning.tune import Settings, Tuned
    from cascade.types import Task


# Tasks drawn for shadows on which a search rests without a model's help.
_ENOUGH_SHADOWS = 300


@click.command()
@click.argument("log", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The config to write.")
@click.option("--tasks", "tasks_path", type=click.Path(path_type=Path), help="Task file (prompts).")
@click.option("--tiers", help="Search these tiers only, comma-separated. Default: all in the log.")
@click.option("--target-success", metavar="S|TIER", help="At least this success, or a tier's own, cheapest.")
@click.option("--max-cost", type=float, metavar="USD", help="At most this mean cost a task, most success.")
@click.option("--value", type=float, metavar="USD", help="What a solved task is worth: most value less cost.")
@click.option("--verifier", metavar="A/B", help="Assume checks that accept A% of right, reject B% of wrong.")
@click.option(
    "--truth", "truth_path", type=click.Path(path_type=Path), help="What is true of a trace's answers (CSV)."
)
@click.option("--confidence", type=click.FloatRange(0, 1, max_open=True), default=0.95, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--cost", "costs", multiple=True, metavar="TIER=USD", help="A flat cost of an attempt.")
@ray_option
@click.option("--base", type=click.Path(path_type=Path), help="Config whose endpoints and sections are kept.")
@click.option("--plot", "plot_path", type=click.Path(path_type=Path), help="Picture of cost against success.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def tune(
    log: Path, *, output: Path, plot_path: Path | None, as_json: bool, base: Path | None, **given: Any
) -> None:
    """Search LOG for the best policy for a goal, and write it as a config.

    LOG is a trace, an outcome table, or a folder of outcome tables that together are one.
    Exit 0: found and as sure as asked; 1: the best there is was written, but it cannot be promised.
    """
    from cascade.replay.log import holds_a_trace
    from cascade.storage import check_place
    from cascade.tuning.write import read_base, write_config

    for place in (output, plot_path):
        if place is not None:
            check_place(place, what="config" if place == output else "picture")
    if base is not None:
        read_base(base)
    goal, settings = _goal(given), _settings(log, given)
    tuned = (_trace if holds_a_trace(log) else _tables)(log, goal, settings, given)
    written = write_config(tuned, output, base=base, log=log.name)
    if plot_path is not None:
        from cascade.tuning.pictures import tuned_picture

        tuned_picture(tuned, plot_path)
    if as_json:
        click.echo(json.dumps(document(tuned, output)))
    else:
        click.echo(_text(tuned, written))
    if not tuned.choice.pick.promised:
        raise SystemExit(1)


def _settings(log: Path, given: dict[str, Any]) -> Settings:
    from cascade.cli.logs import verifier_option
    from cascade.policy.steps import Verifier
    from cascade.tuning.families import Space
    from cascade.tuning.tune import Settings

    space = Space(verifier=verifier_option(given["verifier"]) or Verifier())
    return Settings(
        confidence=given["confidence"],
        seed=given["seed"],
        space=space,
        tasks=_texts(log, given["tasks_path"]),
    )


def _texts(log: Path, tasks_path: Path | None) -> dict[str, Task] | None:
    """The tasks whose texts are to be read: those of the task file, else those that a trace holds."""
    from cascade.cli.trace_texts import tasks_of, with_texts
    from cascade.cli.train_log import read_texts
    from cascade.replay.log import holds_a_trace
    from cascade.trace.reader import read_trace

    if tasks_path is not None:
        return read_texts(str(tasks_path))
    return with_texts(tasks_of(read_trace(log).events)) or None if holds_a_trace(log) else None


def _tables(log: Path, goal: Goal, settings: Settings, given: dict[str, Any]) -> Tuned:
    from cascade.cli.logs import assuming, cost_options
    from cascade.cli.parts import opened
    from cascade.replay.log import refuse_truth
    from cascade.replay.read_parts import PartedLog, read_parts
    from cascade.tuning.tune import tune_parts

    refuse_truth(log, given["truth_path"])
    with opened(log, ray=given["ray"]) as sources:
        read = read_parts(sources, cost_options(given["costs"]))
        read = read if given["verifier"] is None else assuming(read)
        return tune_parts(PartedLog(read.parts, _wanted(read.about, given)), goal, settings)


def _trace(log: Path, goal: Goal, settings: Settings, given: dict[str, Any]) -> Tuned:
    from dataclasses import replace

    from cascade.cli.logs import ASSUMED, cost_options
    from cascade.cli.parts import refuse_ray
    from cascade.replay.prepare import priced
    from cascade.replay.read_trace import read_episodes
    from cascade.replay.verdicts import without_verdicts
    from cascade.trace.labels import read_labels
    from cascade.tuning.tune import tune as search

    refuse_ray(given["ray"])
    labels = () if given["truth_path"] is None else read_labels(given["truth_path"])
    episodes = read_episodes(log, labels=labels)
    table = _told_apart(replace(episodes, table=priced(episodes.table, cost_options(given["costs"]))))
    if given["verifier"] is not None and table.accepted is not None:
        table = replace(without_verdicts(table), notes=(*table.notes, ASSUMED))
    return search(_wanted(table, given), goal, settings)


def _wanted(table: OutcomeTable, given: dict[str, Any]) -> OutcomeTable:
    """With the tiers that are to be searched."""
    if given["tiers"]:
        names = [name.strip() for name in given["tiers"].split(",") if name.strip()]
        unknown = [name for name in names if name not in table.tiers]
        if unknown:
            raise UsageError(f"no tier {unknown[0]} in the log", hint=f"it has {', '.join(table.tiers)}")
        table = table.only(names)
    return table


def _told_apart(episodes: Episodes) -> OutcomeTable:
    """A log of decisions as a table: the tasks drawn for shadows, if those are enough to search on. Else a tier's
    first attempts that were shown a failure stand for its first ones where the log has no others, and what was
    never tried is what the model expects, given what shadows saw too."""
    from dataclasses import replace

    from cascade.policy.steps import Step
    from cascade.replay.labelled import expected_truth, labelled
    from cascade.replay.rates import expecting
    from cascade.replay.runs import one_row_a_task
    from cascade.replay.shadows import whole_sample
    from cascade.tuning.estimates import imputed

    told = labelled(episodes)
    table = expected_truth(told.table)
    whole = whole_sample(replace(told, table=table))
    if whole is not None and len(whole) >= _ENOUGH_SHADOWS:
        note = f"searched on the {len(whole)} tasks that were drawn for shadows: every first attempt is known there"
        return replace(whole, notes=(*whole.notes, note))
    arms = list(table.arms)
    notes = list(table.notes)
    for tier in dict.fromkeys(arm.tier for arm in arms):
        shown = [k for k, arm in enumerate(arms) if arm.tier == tier and arm.attempt == 1]
        if shown and Step(tier) not in arms:
            notes.append(f"{arms[shown[0]]} stands for every first attempt at {tier}")
            arms[shown[0]] = Step(tier)
    table = _tried(one_row_a_task(replace(table, arms=tuple(arms), notes=tuple(notes))))
    return expecting(imputed(table), table)


def _tried(table: OutcomeTable) -> OutcomeTable:
    """Without the tiers of whose answers none was checked: of them nothing can be expected."""
    from dataclasses import replace

    untold = [tier for tier in table.tiers if not table.known(table.first(tier))]
    if not untold:
        return table
    note = f"{', '.join(untold)}: no answer was checked, left out"
    kept = table.only([tier for tier in table.tiers if tier not in untold])
    return replace(kept, notes=(*kept.notes, note))


def _goal(given: dict[str, Any]) -> Goal:
    from cascade.tuning.goal import Goal

    wanted = [name for name in ("target_success", "max_cost", "value") if given[name] is not None]
    if len(wanted) != 1:
        raise UsageError(
            "give exactly one goal: --target-success, --max-cost or --value",
            hint="for example --target-success 0.75, or --max-cost 0.01",
        )
    if given["max_cost"] is not None or given["value"] is not None:
        amount = given["max_cost"] if given["max_cost"] is not None else given["value"]
        if amount <= 0:
            raise UsageError(f"a goal of {amount} USD is none", hint="give a positive amount")
        return Goal(kind="cost" if given["max_cost"] is not None else "value", amount=amount)
    text = str(given["target_success"])
    try:
        share = float(text)
    except ValueError:
        return Goal(kind="success", tier=text)
    if not 0 < share <= 1:
        raise UsageError(
            f"--target-success {text} is no share", hint="a number above 0 and up to 1, or a tier"
        )
    return Goal(kind="success", amount=share)


def document(tuned: Tuned, output: Path) -> dict[str, Any]:
    """What `--json` prints (design 5.8)."""
    pick = tuned.choice.pick
    report = tuned.report.document()
    return {
        "config": str(output),
        "goal": str(tuned.goal),
        "met_probability": tuned.met_probability,
        "promised": pick.promised,
        "advice": tuned.advice,
        "policy": pick.single or pick.trial.family,
        "search": {
            "tasks": tuned.sizes,
            "tried": len(tuned.choice.trials) + len(tuned.choice.singles.trials),
            "trials": [
                {
                    "family": one.family,
                    "value_usd": one.value_usd,
                    "success": one.point[0],
                    "cost_usd": one.point[1],
                }
                for one in tuned.choice.trials
            ],
        },
        "report": report["policies"][0],
        "baselines": report["policies"][1:],
        "notes": list(tuned.notes),
        "verifier": _verifier(tuned),
        **({"checks": tuned.choice.checks.document()} if tuned.choice.checks is not None else {}),
    }


def _verifier(tuned: Tuned) -> dict[str, Any]:
    """What is believed of the checks, and where that comes from."""
    learnt = tuned.choice.checks
    believed = learnt.rates.verifier if learnt is not None else tuned.verifier
    source = "learnt" if learnt is not None else "assumed" if believed.perfect else "given"
    return {
        "accepts_right": believed.accept,
        "rejects_wrong": believed.reject,
        "source": source,
    }


def _text(tuned: Tuned, written: list[Path]) -> str:
    from cascade.cli.logs import policies_text

    lines = [
        f"goal: {tuned.goal}",
        tuned.advice,
        f"probability that the goal is truly met{tuned.reservation}: {tuned.met_probability:.3f}",
        "",
        "on tasks that neither search nor choice saw:",
        policies_text(tuned.report.document()),
        "",
        *(tuned.choice.checks.words() if tuned.choice.checks is not None else []),
        *(f"note: {note}" for note in tuned.choice.notes),
        f"written: {', '.join(str(path) for path in reversed(written))}",
    ]
    return "\n".join(lines)
