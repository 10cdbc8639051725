"""What a tuned policy comes to, in words, and whether a cascade helps at all."""

from __future__ import annotations

import numpy as np

from cascade.replay.plans import STOP
from cascade.replay.table import OutcomeTable
from cascade.tuning.choosing import Trial
from cascade.tuning.goal import Goal
from cascade.tuning.select import AVERAGE, Choice, Pick, Singles, single_level, single_p_value, worth

_SAID = 0.02
_WHY = {
    "success": "the goal asks for no more",
    "cost": "the limit allows no more",
    "value": "they are not worth their cost",
}


def untried(choice: Choice, table: OutcomeTable) -> float:
    """The share of a table's tasks on which the chosen policy makes no attempt."""
    chosen = choice.policy.walk(table).choose(np.arange(len(table)))
    return float((chosen == STOP).mean())


def advice(
    goal: Goal, choice: Choice, confidence: float, *, untried: float = 0.0, filled: float = 0.0
) -> str:
    """What to do, in words.

    untried: the share of tasks on which the chosen policy makes no attempt. filled: the share of the outcomes that a
    model expects and nobody saw.
    """
    found = choice.pick
    success, cost = found.trial.point
    shown = f"{success:.1%} at ${cost:.4g} a task on the choosing tasks"
    if untried >= _SAID:
        shown += f" ({untried:.0%} of the tasks are not tried: {_WHY[goal.kind]})"
    if not any(trial.point[0] for trial in choice.singles.trials.values()):
        return (
            "no tier was right on any task: no order of these tiers can be worth its cost. Look at the checks "
            "(`cascade report`), or add a tier"
        )
    if not found.promised:
        return (
            f"the goal ({goal}) cannot be promised at {confidence:.0%} on this log"
            f"{_why_no_promise(found, confidence, filled)}; the likeliest to "
            f"meet it is {found.single or found.trial.family}: {shown}"
        )
    if goal.kind == "value" and worth(goal, found.trial) <= 0:
        return (
            f"no attempt pays at ${goal.amount:.4g} a solved task; the least is lost with "
            f"{found.single or found.trial.family}: {shown}"
        )
    if found.single is not None:
        losing = _why_no_cascade(goal, choice, found)
        return f"no cascade helps here, use {found.single}: {shown}{losing}"
    alone = _best_single(goal, choice.singles, 1 - confidence)
    if alone is None:
        sure = "" if confidence <= 1 - AVERAGE else f" as surely as {confidence:.0%}"
        return f"use the {found.trial.family} cascade: {shown}; no tier alone meets the goal{sure}"
    tier, trial = alone
    return (
        f"use the {found.trial.family} cascade: {shown}, against {trial.point[0]:.1%} at "
        f"${trial.point[1]:.4g} for {tier} alone"
    )


def _why_no_promise(found: Pick, confidence: float, filled: float) -> str:
    if filled:
        return f", where {filled:.0%} of the outcomes were never seen and are a model's expectations"
    if 1 - found.p_value >= confidence:
        return " (it is one of many that were tried, which takes more than it would alone)"
    return ""


def _why_no_cascade(goal: Goal, choice: Choice, found: Pick) -> str:
    """What the best cascade that was tried came to, where that is not the same as the tier alone."""
    others = [one for one in choice.trials if one.point[1] < found.trial.point[1] * 0.999]
    if goal.kind == "value" or not others:
        return ""
    success, cost = max(others, key=lambda one: one.point[0]).point
    chance = ", which may be chance" if success >= found.trial.point[0] else ""
    return f"; the most successful cascade that is cheaper came to {success:.1%} at ${cost:.4g}{chance}"


def _best_single(goal: Goal, singles: Singles, level: float) -> tuple[str, Trial] | None:
    allowed = level / 2 if level < AVERAGE else level
    meets = [
        (tier, trial)
        for tier, trial in singles.trials.items()
        if goal.kind == "value"
        or single_p_value(goal, tier, trial) <= max(single_level(goal, singles, allowed), 1e-12)
    ]
    return min(meets, key=lambda one: one[1].point[1], default=None)
