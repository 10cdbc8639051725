"""`cascade train LOG --check CLASSIFIER`: has the log left what the classifier expects?"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from cascade.classifiers.artifact import load
from cascade.classifiers.drift import Drift, drift
from cascade.classifiers.linear import LinearClassifier
from cascade.errors import InputError

if TYPE_CHECKING:
    from cascade.cli.train_first import TrainingLog


def check(known: TrainingLog, *, path: str, recent: int, as_json: bool) -> int:
    """Print a line for each tier; 1 if any has drifted. Raises InputError if they share no tier."""
    found = drifts(known, path=path, recent=recent)
    if as_json:
        click.echo(json.dumps({"drift": any(one.drifted for one in found), "tiers": [*map(asdict, found)]}))
    else:
        for one in found:
            mark = "DRIFT" if one.drifted else "fine"
            click.echo(f"{mark}: {one.tier}: {one.reason} ({one.count} tasks, z = {one.z:+.1f})")
    return 1 if any(one.drifted for one in found) else 0


def drifts(known: TrainingLog, *, path: str, recent: int) -> list[Drift]:
    """The last `recent` tasks of the log against the classifier, tier by tier."""
    artifact = load(path)
    classifier = LinearClassifier(artifact)
    shared = [tier for tier in known.tiers if any(tier == one.name for one in artifact.tiers)]
    if not shared:
        have = ", ".join(one.name for one in artifact.tiers)
        raise InputError(
            f"{path} knows none of the log's tiers ({', '.join(known.tiers)})", hint=f"it has {have}"
        )
    tasks = known.tasks[-recent:]
    given: list[dict[str, Any]] = [classifier.probabilities(task, shared) for task in tasks]
    widths = {one.name: one.half_width for one in artifact.tiers}
    found = []
    for tier in shared:
        column = known.outcomes[-recent:, known.tiers.index(tier)]
        rows = np.flatnonzero(~np.isnan(column))
        probabilities = [given[k][tier] for k in rows]
        found.append(drift(tier, probabilities, column[rows].tolist(), half_width=widths[tier]))
    return found
