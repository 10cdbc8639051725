"""Replay on the random sample of shadowed tasks: exact there, and beside the off-policy estimate or in its place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cascade.errors import SupportError
from cascade.policy.steps import Step
from cascade.replay.baselines import Figures
from cascade.replay.engine import Played, play
from cascade.replay.episodes import Episodes
from cascade.replay.labelled import labelled
from cascade.replay.outcome_model import Model
from cascade.replay.plans import Plan
from cascade.replay.replay import Replayed, replay_episodes, runs_merged
from cascade.replay.replay_parts import replay_table
from cascade.replay.sample import Sample
from cascade.replay.table import Bools, OutcomeTable

LEAST_TASKS = 30
# Shares of the sample. A call that failed says little of its task; what the log's own policy did not try, much.
_MOST_FAILED = 0.2
_MOST_UNTRIED = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """The tasks of a sample on which all that is asked for is known; and what is to be said of the others."""

    table: OutcomeTable
    drawn: int
    notes: tuple[str, ...]


def replay_logged(episodes: Episodes, plan: Plan, *, model: Model | None = None) -> Replayed:
    """Replay a plan on a log of decisions: exact, off-policy, or on the sample of shadowed tasks.

    Where all that the plan asks for is known it is exact. Else it is estimated off-policy, the sample's figures
    beside; and where that is refused the sample is the answer, if it has 30 tasks. Raises SupportError where
    neither supports one.
    """
    told = labelled(episodes)
    table, sample = told.table, told.sample
    decided = episodes.rows(np.flatnonzero((episodes.arms >= 0).any(axis=1)))
    try:
        found = replay_episodes(decided, plan, model=model)
    except SupportError as refused:
        if sample is None:
            raise
        return _in_its_place(table, sample, plan, refused)
    if sample is None or found.estimates is None:
        return found
    try:
        known = known_of(table, sample, plan)
    except SupportError as why:
        return replace(found, support=_noted(found.support, f"no figure on shadows: {why.message}"))
    return replace(found, shadow=_figures(known.table, plan), support=_noted(found.support, *known.notes))


def known_of(table: OutcomeTable, sample: Sample, plan: Plan) -> Known:
    """The sample's tasks on which the plan, and each of the shadows' tiers alone, can be played.

    Raises SupportError if they are fewer than 30, or if those that are missing are more than chance takes.
    """
    whole = table.rows(np.flatnonzero(sample.rows))
    if len(set(whole.tasks)) < LEAST_TASKS:
        raise SupportError(
            f"{len(set(whole.tasks))} tasks have shadows, and at least {LEAST_TASKS} are needed", hint=_HINT
        )
    played = play(whole, plan)
    fresh = {str(Step(tier)) for tier in sample.tiers}
    untried = {arm: count for arm, count in played.missing.items() if arm not in fresh}
    if sum(untried.values()) > _MOST_UNTRIED * len(whole):
        asked = ", ".join(f"{arm} (on {count})" for arm, count in untried.items())
        raise SupportError(
            f"of {len(whole)} tasks with shadows it asks for what they do not make: {asked}", hint=_HINT
        )
    keep = ~played.unknown & _firsts_known(whole, sample.tiers)
    failed = len(whole) - int(keep.sum())
    left = whole.rows(np.flatnonzero(keep))
    if failed > _MOST_FAILED * len(whole) or len(set(left.tasks)) < LEAST_TASKS:
        raise SupportError(
            f"{failed} of {len(whole)} tasks with shadows lack an outcome: a call failed, was cut, did not fit the "
            "budget, or its answer could not be checked",
            hint=_HINT,
        )
    note = f"{len(whole)} tasks were drawn for shadows, of {sample.drawn}, at {sample.rate:.3g}"
    more = [_worst(played, keep)] if failed else []
    return Known(left, len(whole), (note, *more))


def whole_sample(episodes: Episodes) -> OutcomeTable | None:
    """The sample's tasks on which every tier's first attempt is known; None where too many lack one.

    For searching: nothing has to be expected of a model.
    """
    sample, table = episodes.sample, episodes.table
    if sample is None or any(table.arm(Step(tier)) is None for tier in table.tiers):
        return None
    rows = table.rows(np.flatnonzero(sample.rows))
    known = _firsts_known(rows, table.tiers)
    most = _MOST_FAILED if set(table.tiers) <= set(sample.tiers) else _MOST_UNTRIED
    if not len(rows) or (~known).mean() > most:
        return None
    return rows.rows(np.flatnonzero(known))


_HINT = "log more runs with `shadow`, at a higher rate or with more money (`shadow.budget_usd`)"


def _in_its_place(told: OutcomeTable, sample: Sample, plan: Plan, refused: SupportError) -> Replayed:
    """The sample as the log itself, every baseline included."""
    try:
        known = known_of(told, sample, plan)
    except SupportError as why:
        raise SupportError(
            f"{refused.message}; and shadows cannot tell: {why.message}",
            hint=f"{refused.hint}; or {why.hint}",
        ) from why
    table = known.table
    once = len(set(table.tasks)) == len(table)
    # A task that ran several times counts once, which is the way of logs; tables have each task once.
    found = replay_table(table, plan) if once else replay_episodes(_as_log(table), plan)
    support = {
        "kind": "shadow",
        "share": round(len(table) / known.drawn, 4),
        "drawn": known.drawn,
        "of_tasks": sample.drawn,
        "rate": sample.rate,
        "notes": [*found.support["notes"], f"off-policy is refused: {refused.message}", *known.notes],
    }
    return replace(found, estimator="shadow", support=support, shadow=_figures(table, plan))


def _figures(table: OutcomeTable, plan: Plan) -> Figures:
    return replace(Figures.of(runs_merged(play(table, plan), table)), name="shadow")


def _as_log(table: OutcomeTable) -> Episodes:
    """Tasks of which all that is asked for is known, as a log without decisions."""
    none = np.full((len(table), 1), -1, dtype=np.intp)
    return Episodes(table=table, arms=none, propensity=np.full((len(table), 1), np.nan))


def _firsts_known(table: OutcomeTable, tiers: tuple[str, ...]) -> Bools:
    """Where outcome and cost of each tier's first attempt on the task afresh are known."""
    arms = [arm for tier in tiers if (arm := table.arm(Step(tier))) is not None]
    return np.asarray(np.isfinite(table.outcome[:, arms] + table.cost[:, arms]).all(axis=1))


def _worst(played: Played, keep: Bools) -> str:
    """What success would be were all that is missing wrong, and were all of it right."""
    lacking = int((~keep).sum())
    right, n = float(played.success[keep].sum()), len(keep)
    return (
        f"{lacking} of them lack an outcome and are left out: were all wrong, success would be {right / n:.1%}; "
        f"were all right, {(right + lacking) / n:.1%}"
    )


def _noted(support: dict[str, Any], *notes: str) -> dict[str, Any]:
    return {**support, "notes": [*support["notes"], *notes]}
