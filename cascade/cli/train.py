"""`cascade train LOG`: fit and calibrate a classifier on what a log knows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cascade.errors import InputError, UsageError

if TYPE_CHECKING:
    from cascade.classifiers.artifact import Artifact
    from cascade.classifiers.training import BlendEstimator, TextView
    from cascade.cli.train_first import TrainingLog

_LEAST_TASKS = 10
_FEW_TASKS = 50


@click.command()
@click.argument("log")
@click.option("--tasks", "tasks_path", metavar="TASKS", help="The texts of the log's tasks, as JSON lines.")
@click.option("--truth", "truth_path", metavar="FILE", help="What is true of a trace's answers (CSV).")
@click.option("-o", "--output", metavar="CLASSIFIER.json", help="Write the classifier here.")
@click.option(
    "--check", "check_path", metavar="CLASSIFIER.json", help="Train nothing: has LOG left this one?"
)
@click.option(
    "--recent", type=click.IntRange(min=1), default=500, show_default=True, help="For --check: tasks."
)
@click.option("--judge", metavar="TIER", help="Learn to judge this tier's answers, after they are given.")
@click.option(
    "--answers", metavar="FILE", help="For --judge: a recording, or task_id, model, response lines."
)
@click.option("--tiers", help="Only these tiers of the log: a,b,.. (cheapest first).")
@click.option(
    "--calibration",
    type=click.Choice(["linear", "platt", "isotonic"]),
    default="platt",
    show_default=True,
    help="The map to probabilities, fitted on held-out tasks.",
)
@click.option("--metadata", metavar="KEY,KEY", help="Learn from these keys of the tasks' metadata too.")
@click.option("--no-letters", is_flag=True, help="Hash words only: scoring takes a quarter of the time.")
@click.option(
    "--plot", "plot_path", metavar="FILE", help="Picture of held-out P(pass) against outcomes, by tier."
)
@click.option("--name", default="trained", show_default=True, help="The classifier's name in traces.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout, nothing else.")
def train(log: str, **options: Any) -> int:
    """Learn P(a first attempt passes) by tier from LOG (a trace or an outcome table), with held-out figures.

    Without texts (--tasks, or a trace with `content: full`) base rates are all that can be learned.
    """
    from cascade.cli.train_log import read_log
    from cascade.storage import check_place

    if (options["output"] is None) == (options["check_path"] is None):
        raise UsageError("give -o CLASSIFIER.json to train, or --check CLASSIFIER.json to compare")
    for place in (options["output"], options["plot_path"]):
        if place is not None:
            check_place(place, what="classifier" if place == options["output"] else "picture")
    tiers = [one.strip() for one in options["tiers"].split(",")] if options["tiers"] else None
    known = read_log(log, tasks=options["tasks_path"], tiers=tiers, truth=options["truth_path"])
    if options["check_path"] is not None:
        from cascade.cli.train_check import check

        return check(known, path=options["check_path"], recent=options["recent"], as_json=options["as_json"])
    return _train(log, known, options)


def _train(log: str, known: TrainingLog, options: dict[str, Any]) -> int:
    from cascade.classifiers.artifact import save

    if len(known.tasks) < _LEAST_TASKS:
        raise InputError(
            f"{log}: {len(known.tasks)} tasks with an outcome; at least {_LEAST_TASKS} are needed to learn",
            hint="run more tasks, or use `classifier: rules` until there are",
        )
    if options["judge"]:
        known, estimator = _fit_judge(known, options, log)
    else:
        estimator = _fit(known, options)
    artifact = _artifact(known, estimator, source=log, name=options["name"])
    save(artifact, options["output"])
    if options["plot_path"] is not None:
        _draw(known, estimator, options["plot_path"])
    document = _document(known, estimator, artifact) | {"output": options["output"]}
    if options["as_json"]:
        click.echo(json.dumps(document))
    else:
        _show(document)
    return 0


def _fit(known: TrainingLog, options: dict[str, Any]) -> BlendEstimator[Any]:
    from cascade.classifiers.training import LETTERS, WORDS, TierPassEstimator

    texts: tuple[TextView, ...] = (WORDS,) if options["no_letters"] else (WORDS, LETTERS)
    if not any(task.prompt for task in known.tasks):
        texts = ()
    keys = tuple(key.strip() for key in (options["metadata"] or "").split(",") if key.strip())
    _known_keys(known, keys)
    texts = tuple(replace(view, metadata=keys) for view in texts)
    estimator = TierPassEstimator(texts=texts, calibration=options["calibration"])
    return estimator.fit(known.tasks, known.outcomes)


def _fit_judge(
    known: TrainingLog, options: dict[str, Any], log: str
) -> tuple[TrainingLog, BlendEstimator[Any]]:
    """P(the answer of `--judge` is right), and of the other tiers given that answer."""
    from cascade.classifiers.training import AnswerEstimator
    from cascade.cli.train_answers import judged

    chosen, items = judged(known, tier=options["judge"], path=options["answers"] or log)
    return chosen, AnswerEstimator(calibration=options["calibration"]).fit(items, chosen.outcomes)


def _known_keys(known: TrainingLog, keys: tuple[str, ...]) -> None:
    for key in keys:
        if not any(key in task.metadata for task in known.tasks):
            there = sorted({name for task in known.tasks for name in task.metadata})[:8]
            raise InputError(
                f"no task has {key!r} in its metadata", hint=f"there is {', '.join(there) or 'no metadata'}"
            )


def _artifact(known: TrainingLog, estimator: BlendEstimator[Any], *, source: str, name: str) -> Artifact:
    from datetime import UTC, datetime

    from cascade.classifiers.artifact import Card
    from cascade.classifiers.export import to_artifact

    card = Card(
        trained_on=Path(source).name,
        date=datetime.now(UTC).date().isoformat(),
        n_tasks=len(known.tasks),
        figures={name: round(value, 4) for name, value in _figures(known, estimator).items()},
        limits=_notes(known),
    )
    return to_artifact(estimator, known.outcomes, known.tiers, name=name, card=card, models=known.models)


def _notes(known: TrainingLog) -> tuple[str, ...]:
    notes = (*known.notes, *_one_sided(known))
    if any(task.prompt for task in known.tasks):
        return notes
    return (*notes, "no texts: base rates only (give --tasks, or trace with `content: full`)")


def _one_sided(known: TrainingLog) -> list[str]:
    """What a log cannot tell: why a task would fail where all passed, or pass where none did; much, if short."""
    import numpy as np

    means = dict(zip(known.tiers, np.nanmean(known.outcomes, axis=0), strict=True))
    found = [
        f"every task {'passed' if mean == 1 else 'failed'} at {tier}: what the others are like is not in this log"
        for tier, mean in means.items()
        if mean in (0.0, 1.0)
    ]
    count = len(known.tasks)
    if count < _FEW_TASKS:
        found.append(
            f"{count} tasks: a rate over so few carries about {100 / count**0.5:.0f} points either way"
        )
    return found


def _figures(known: TrainingLog, estimator: BlendEstimator[Any]) -> dict[str, float]:
    from cascade.classifiers.export import held_out_figures

    return held_out_figures(estimator, known.outcomes, known.tiers)


def _draw(known: TrainingLog, estimator: BlendEstimator[Any], path: str) -> None:
    """Each tier's held-out probabilities beside what happened."""
    import numpy as np

    from cascade.tuning.calibration_picture import Predicted, calibration_picture

    y, held = known.outcomes, estimator.held_out_
    seen = ~np.isnan(y) & ~np.isnan(held)
    tiers = [Predicted(tier, held[seen[:, t], t], y[seen[:, t], t]) for t, tier in enumerate(known.tiers)]
    calibration_picture(tiers, Path(path), title="held-out tasks; grey bars: how many have which P(pass)")


def _document(known: TrainingLog, estimator: BlendEstimator[Any], artifact: Artifact) -> dict[str, Any]:
    return {
        "name": artifact.name,
        "version": artifact.version,
        "n_tasks": len(known.tasks),
        "tiers": {
            tier.name: {
                "n_tasks": tier.n_tasks,
                "base_rate": tier.base_rate,
                "half_width": tier.half_width,
                "models": list(tier.models),
            }
            for tier in artifact.tiers
        },
        "figures": _figures(known, estimator),
        "notes": list(_notes(known)),
    }


def _show(document: dict[str, Any]) -> None:
    from rich.table import Table

    from cascade.cli.screen import console

    figures = document["figures"]
    out = console()
    table = Table(title=f"{document['name']} {document['version']}", title_justify="left")
    for column in ("tier", "tasks", "base rate", "calibration error, held out"):
        table.add_column(column)
    for tier, row in document["tiers"].items():
        off = figures[f"calibration_error:{tier}"]
        table.add_row(tier, str(row["n_tasks"]), f"{row['base_rate']:.3f}", f"{off:.3f}")
    out.print(table)
    model, base = figures["brier_held_out"], figures["brier_base_rates"]
    gain = 1 - model / base if base > 0 else 0.0
    verdict = "the text helps" if gain > 0.01 else "the text says next to nothing: these are base rates"
    out.print(f"squared error on held-out tasks {model:.4f}, base rates {base:.4f}: {verdict}", markup=False)
    for note in document["notes"]:
        out.print(f"note: {note}", markup=False)
    out.print(f"wrote {document['output']}", markup=False, soft_wrap=True)
