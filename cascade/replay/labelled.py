"""The part of a trace that ground truth bears on, and what its unlabelled answers are expected to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cascade.replay.episodes import Episodes
from cascade.replay.table import Floats, OutcomeTable


def labelled(episodes: Episodes) -> Episodes:
    """The trajectories of the tasks with any ground truth, where there is some; all, where there is none."""
    table = episodes.table
    if table.accepted is None:
        return episodes
    told = np.isfinite(table.outcome).any(axis=1)
    if told.all():
        return episodes
    note = f"{int((~told).sum())} of {len(table)} tasks have no truth: figures are of the others"
    kept = replace(episodes, table=replace(table, notes=(*table.notes, note)))
    return kept.rows(np.flatnonzero(told))


def expected_truth(table: OutcomeTable) -> OutcomeTable:
    """The table with P(right | its verdict) for checked answers without a truth, by arm, from those that have one.

    Shares are pulled to those of all arms by two answers' worth; where no answer with the same verdict has a truth,
    it stays unknown. What is filled is noted.
    """
    accepted = table.accepted
    if accepted is None:
        return table
    outcome = table.outcome.copy()
    gaps = np.isfinite(accepted) & np.isnan(table.outcome)
    for verdict in (0.0, 1.0):
        here = gaps & (accepted == verdict)
        outcome[here] = np.broadcast_to(_shares(table.outcome, accepted == verdict), here.shape)[here]
    filled = int((gaps & np.isfinite(outcome)).sum())
    if not filled:
        return table
    note = (
        f"{filled} checked answers without a truth count by how often such a verdict was right on the others"
    )
    right = np.where(gaps & np.isfinite(outcome), accepted * outcome, np.nan)
    return replace(table, outcome=outcome, accepted_right=right, notes=(*table.notes, note))


def _shares(outcome: Floats, same: np.ndarray) -> Floats:
    """By arm, the share of right answers among those of one verdict that have a truth; NaN where there are none."""
    told = same & np.isfinite(outcome)
    right = np.where(told, outcome, 0.0).sum(axis=0)
    counts = told.sum(axis=0)
    if not counts.sum():
        return np.full(outcome.shape[1], np.nan)
    overall = right.sum() / counts.sum()
    return np.asarray((right + 2 * overall) / (counts + 2))
