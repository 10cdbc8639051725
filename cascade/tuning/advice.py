"""What a tuned policy comes to, in words, and whether a cascade helps at all."""

from __future__ import annotations

from cascade.tuning.choosing import Trial
from cascade.tuning.goal import Goal
from cascade.tuning.select import Choice, Pick, Singles, p_value


def advice(goal: Goal, choice: Choice, confidence: float) -> str:
    """What to do, in words."""
    found = choice.pick
    success, cost = found.trial.point
    shown = f"{success:.1%} at ${cost:.4g} a task on the choosing tasks"
    if not found.promised:
        return (
            f"the goal ({goal}) cannot be promised at {confidence:.0%} on this log; the likeliest to "
            f"meet it is {found.single or found.trial.family}: {shown}"
        )
    if found.single is not None:
        losing = _why_no_cascade(goal, choice, found)
        return f"no cascade helps here, use {found.single}: {shown}{losing}"
    alone = _best_single(goal, choice.singles, 1 - confidence)
    if alone is None:
        return f"use the {found.trial.family} cascade: {shown}; no tier alone meets the goal"
    tier, trial = alone
    return (
        f"use the {found.trial.family} cascade: {shown}, against {trial.point[0]:.1%} at "
        f"${trial.point[1]:.4g} for {tier} alone"
    )


def _why_no_cascade(goal: Goal, choice: Choice, found: Pick) -> str:
    """What the best cascade that was tried came to, where that is not the same as the tier alone."""
    others = [one for one in choice.trials if one.point[1] < found.trial.point[1] * 0.999]
    if goal.kind == "value" or not others:
        return ""
    success, cost = max(others, key=lambda one: one.point[0]).point
    return f"; the most successful cascade that is cheaper came to {success:.1%} at ${cost:.4g}"


def _best_single(goal: Goal, singles: Singles, level: float) -> tuple[str, Trial] | None:
    meets = [
        (tier, trial)
        for tier, trial in singles.trials.items()
        if goal.kind == "value" or p_value(goal, trial.score) <= max(level, 1e-12)
    ]
    return min(meets, key=lambda one: one[1].point[1], default=None)
