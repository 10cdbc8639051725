"""`cascade train LOG`: fit and calibrate a classifier on what a log knows."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from cascade.errors import InputError

if TYPE_CHECKING:
    from cascade.classifiers.artifact import Artifact
    from cascade.classifiers.training import TextView, TierPassEstimator
    from cascade.cli.train_log import TrainingLog

_LEAST_TASKS = 10


@click.command()
@click.argument("log")
@click.option("--tasks", "tasks_path", metavar="TASKS", help="The texts of the log's tasks, as JSON lines.")
@click.option("-o", "--output", required=True, metavar="CLASSIFIER.json", help="Write the classifier here.")
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
@click.option("--name", default="trained", show_default=True, help="The classifier's name in traces.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout, nothing else.")
def train(log: str, **options: Any) -> int:
    """Learn P(a first attempt passes) by tier from LOG (a trace or an outcome table), with held-out figures.

    Without texts (--tasks, or a trace with `content: full`) base rates are all that can be learned.
    """
    from cascade.classifiers.artifact import save
    from cascade.cli.train_log import read_log

    tiers = [one.strip() for one in options["tiers"].split(",")] if options["tiers"] else None
    known = read_log(log, tasks=options["tasks_path"], tiers=tiers)
    if len(known.tasks) < _LEAST_TASKS:
        raise InputError(
            f"{log}: {len(known.tasks)} tasks with an outcome; at least {_LEAST_TASKS} are needed to learn",
            hint="run more tasks, or use `classifier: rules` until there are",
        )
    estimator = _fit(known, options)
    artifact = _artifact(known, estimator, source=log, name=options["name"])
    save(artifact, options["output"])
    document = _document(known, estimator, artifact) | {"output": options["output"]}
    if options["as_json"]:
        click.echo(json.dumps(document))
    else:
        _show(document)
    return 0


def _fit(known: TrainingLog, options: dict[str, Any]) -> TierPassEstimator:
    from cascade.classifiers.training import LETTERS, WORDS, TierPassEstimator

    texts: tuple[TextView, ...] = (WORDS,) if options["no_letters"] else (WORDS, LETTERS)
    if not any(task.prompt for task in known.tasks):
        texts = ()
    keys = tuple(key.strip() for key in (options["metadata"] or "").split(",") if key.strip())
    _known_keys(known, keys)
    texts = tuple(replace(view, metadata=keys) for view in texts)
    estimator = TierPassEstimator(texts=texts, calibration=options["calibration"])
    return estimator.fit(known.tasks, known.outcomes)


def _known_keys(known: TrainingLog, keys: tuple[str, ...]) -> None:
    for key in keys:
        if not any(key in task.metadata for task in known.tasks):
            there = sorted({name for task in known.tasks for name in task.metadata})[:8]
            raise InputError(
                f"no task has {key!r} in its metadata", hint=f"there is {', '.join(there) or 'no metadata'}"
            )


def _artifact(known: TrainingLog, estimator: TierPassEstimator, *, source: str, name: str) -> Artifact:
    from datetime import UTC, datetime
    from pathlib import Path

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
    if any(task.prompt for task in known.tasks):
        return known.notes
    return (*known.notes, "no texts: base rates only (give --tasks, or trace with `content: full`)")


def _figures(known: TrainingLog, estimator: TierPassEstimator) -> dict[str, float]:
    """Squared error and calibration on held-out tasks, beside the base rates'."""
    import numpy as np

    from cascade.classifiers.calibration import expected_error

    y, held = known.outcomes, estimator.held_out_
    seen = ~np.isnan(y) & ~np.isnan(held)
    found = {
        "brier_held_out": float(((held - y)[seen] ** 2).mean()),
        "brier_base_rates": float(((estimator.base_rates_ - y)[seen] ** 2).mean()),
    }
    for t, tier in enumerate(known.tiers):
        rows = seen[:, t]
        found[f"calibration_error:{tier}"] = expected_error(held[rows, t], y[rows, t])
    return found


def _document(known: TrainingLog, estimator: TierPassEstimator, artifact: Artifact) -> dict[str, Any]:
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
    out.print(
        f"wrote {document['output']}; use it with `classifier: {{use: linear, artifact: ...}}`", markup=False
    )
