"""Tunes from end to end: search on one part of a log, choose on a second, report on a third."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cascade.errors import InputError, SupportError
from cascade.replay.baselines import always
from cascade.replay.plans import FixedPlan, Plan
from cascade.replay.prepare import complete, without_price
from cascade.replay.replay import Replayed
from cascade.replay.replay_parts import replay_table
from cascade.replay.table import Ints, OutcomeTable
from cascade.tuning.choose import Bench, Trial, dials, folds
from cascade.tuning.families import Adaptive, Family, Fixed, Space
from cascade.tuning.goal import Goal, probability_met
from cascade.tuning.select import Pick, Singles, p_value, pick

LEAST_TASKS = 30
APART = 3000
"""From so many tasks on, searching and choosing have parts of their own; below, they are cross-fitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """confidence: with which the goal is to be met (0.5 and below: on average). seed: of every split."""

    confidence: float = 0.95
    seed: int = 0
    space: Space = field(default_factory=Space)
    families: tuple[Family, ...] = field(default_factory=lambda: (Adaptive(), Fixed()))


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What was picked on the searching and choosing parts. plan: learnt from all of the former."""

    pick: Pick
    plan: Plan
    trials: tuple[Trial, ...]
    singles: Singles


@dataclass(frozen=True, slots=True, eq=False)
class Tuned:
    """The best policy for a goal, with its evidence. report: on tasks that neither search nor choice saw."""

    goal: Goal
    choice: Choice
    met_probability: float
    report: Replayed
    sizes: dict[str, int]
    notes: tuple[str, ...]
    advice: str


def tune(table: OutcomeTable, goal: Goal, settings: Settings | None = None) -> Tuned:
    """Find the best policy for a goal.

    Raises InputError for a log that there is nothing to choose in (one tier, no costs), SupportError for one
    with too few tasks (30) or too many gaps.
    """
    how = settings or Settings()
    table = fit_to_tune(table, how.space)
    order = np.random.default_rng(how.seed).permutation(len(table))
    parts = _parts(order)
    search, report = table.rows(parts[0]), table.rows(parts[2])
    apart = table.rows(parts[1]) if parts[1].size else None
    choice = search_and_choose(search, goal, how, apart=apart)
    replayed = replay_table(report, choice.plan, verifier=how.space.verifier)
    sizes = {"search": len(search), "choose": len(apart or search), "report": len(report)}
    met = _met(goal, choice, report, how)
    return Tuned(goal, choice, met, replayed, sizes, table.notes, _advice(goal, choice, how))


def search_and_choose(
    search: OutcomeTable, goal: Goal, settings: Settings, *, apart: OutcomeTable | None = None
) -> Choice:
    """Search one table and choose on another (`apart`), or cross-fit both on the one.

    The tables are taken as `fit_to_tune` leaves them.
    """
    chosen_on = apart if apart is not None else search
    fold = folds(len(search), settings.seed + 1)
    benches = [Bench(family, search, settings.space, fold, apart=apart) for family in settings.families]
    alone = always(chosen_on, verifier=settings.space.verifier)
    singles = Singles({t: Trial(f"always:{t}", 0.0, p.success, p.cost) for t, p in alone.items()})
    _known_reference(goal, chosen_on)
    found = pick(goal, benches, singles, dials(search), 1 - settings.confidence)
    trials = tuple(trial for bench in benches for trial in bench.trials.values())
    return Choice(found, _final(found, benches, search, settings), trials, singles)


def fit_to_tune(table: OutcomeTable, space: Space) -> OutcomeTable:
    """The part of a table that can be searched: complete, priced, in the order of task ids.

    With a verifier that errs, later attempts of a tier are left out: the log has them only where the first
    was truly wrong.
    """
    if len(table) < LEAST_TASKS:
        raise SupportError(
            f"{len(table)} tasks are too few to tune on: at least {LEAST_TASKS} are needed",
            hint="a rate over 30 tasks still carries about 18 points either way; log more",
        )
    unpriced = without_price(table)
    notes = [f"{', '.join(unpriced)}: no cost known, left out"] if unpriced else []
    kept = [tier for tier in table.tiers if tier not in unpriced]
    if not kept:
        raise InputError("the log has no costs", hint="add cost_usd, or give --cost TIER=USD for each tier")
    table = complete(replace(table.only(kept), notes=(*table.notes, *notes)))
    if len(kept) < 2:
        raise InputError(
            f"the log has one tier with costs ({', '.join(kept)}): there is nothing to choose between",
            hint="log a second tier on the same tasks; for a price that is missing, --cost TIER=USD",
        )
    if not space.verifier.perfect:
        table = table.columns([table.first(tier) for tier in kept])
    ids = np.array(table.tasks)
    ordered = table.rows(np.argsort(ids, kind="stable"))
    firsts = [ordered.first(tier) for tier in kept]
    if (ordered.outcome[:, firsts] == 1).all():
        ordered = replace(ordered, notes=(*ordered.notes, "every tier is right on every task in this log"))
    return ordered


def _parts(order: Ints) -> tuple[Ints, Ints, Ints]:
    n = len(order)
    if n < APART:
        cut = n - max(n // 4, 1)
        return order[:cut], order[:0], order[cut:]
    first, second = int(n * 0.4), int(n * 0.7)
    return order[:first], order[first:second], order[second:]


def _final(found: Pick, benches: Sequence[Bench], search: OutcomeTable, settings: Settings) -> Plan:
    if found.single is not None:
        step = search.arms[search.first(found.single)]
        return FixedPlan((step,), name=f"always:{found.single}")
    bench = next(one for one in benches if one.family.name == found.trial.family)
    learnt = bench.learnt[0] if bench.apart is not None else bench.family.learn(search, settings.space)
    return learnt.plan(found.trial.value_usd)


def _known_reference(goal: Goal, table: OutcomeTable) -> None:
    if goal.tier is not None and goal.tier not in table.tiers:
        raise InputError(
            f"the goal is as good as {goal.tier}, which is not among the tiers searched",
            hint=f"they are {', '.join(table.tiers)}",
        )


def _met(goal: Goal, choice: Choice, report: OutcomeTable, settings: Settings) -> float:
    """The probability that the goal is truly met: the smaller of two views.

    One minus the p value of the choosing tasks (valid whatever the prior), and for a stated success the
    posterior over choosing and reporting tasks together (Jeffreys' prior). A goal of value is met where the
    choice is worth at least as much as the best tier alone.
    """
    chosen = 1 - choice.pick.p_value
    from cascade.replay.engine import play

    played = play(report, choice.plan, verifier=settings.space.verifier)
    if goal.kind == "success" and goal.tier is None:
        both = np.concatenate([choice.pick.trial.success, played.success])
        return min(chosen, probability_met(both, goal.amount))
    if goal.kind == "value":
        return _beats_singles(goal, choice)
    reference = None
    if goal.tier is not None:
        alone = FixedPlan((report.arms[report.first(goal.tier)],))
        reference = np.concatenate(
            [
                choice.singles.trials[goal.tier].success,
                play(report, alone, verifier=settings.space.verifier).success,
            ]
        )
    both_success = np.concatenate([choice.pick.trial.success, played.success])
    both_cost = np.concatenate([choice.pick.trial.cost, played.cost])
    pooled = Trial("pooled", 0.0, both_success, both_cost)
    return min(chosen, 1 - p_value(goal, pooled, reference))


def _beats_singles(goal: Goal, choice: Choice) -> float:
    """The probability that the choice is worth at least as much as the best tier alone (normal, by task)."""
    from scipy.stats import norm

    def worth(trial: Trial) -> np.ndarray:
        return np.asarray(goal.amount * trial.success - trial.cost)

    best = max(choice.singles.trials.values(), key=lambda trial: float(worth(trial).mean()))
    gain = worth(choice.pick.trial) - worth(best)
    error = float(gain.std(ddof=1)) / np.sqrt(len(gain))
    if error == 0:
        return 1.0 if gain.mean() >= 0 else 0.0
    return float(norm.cdf(gain.mean() / error))


def _advice(goal: Goal, choice: Choice, settings: Settings) -> str:
    """What to do, in words."""
    found = choice.pick
    success, cost = found.trial.point
    shown = f"{success:.1%} at ${cost:.4g} a task on the choosing tasks"
    if not found.promised:
        return (
            f"the goal ({goal}) cannot be promised at {settings.confidence:.0%} on this log; the likeliest to "
            f"meet it is {found.single or found.trial.family}: {shown}"
        )
    if found.single is not None:
        losing = _why_no_cascade(goal, choice, found)
        return f"no cascade helps here, use {found.single}: {shown}{losing}"
    alone = _best_single(goal, choice.singles, 1 - settings.confidence)
    if alone is None:
        return f"use the {found.trial.family} cascade: {shown}; no tier alone meets the goal"
    tier, trial = alone
    return (
        f"use the {found.trial.family} cascade: {shown}, against {trial.point[0]:.1%} at "
        f"${trial.point[1]:.4g} for {tier} alone"
    )


def _why_no_cascade(goal: Goal, choice: Choice, found: Pick) -> str:
    """What the best cascade that was tried came to, where that is not the same as the tier alone."""
    others = [one for one in choice.trials if one.cost.mean() < found.trial.cost.mean() * 0.999]
    if goal.kind == "value" or not others:
        return ""
    success, cost = max(others, key=lambda one: one.point[0]).point
    return f"; the most successful cascade that is cheaper came to {success:.1%} at ${cost:.4g}"


def _best_single(goal: Goal, singles: Singles, level: float) -> tuple[str, Trial] | None:
    reference = singles.reference(goal)
    meets = [
        (tier, trial)
        for tier, trial in singles.trials.items()
        if goal.kind == "value" or p_value(goal, trial, reference) <= max(level, 1e-12)
    ]
    return min(meets, key=lambda one: one[1].point[1], default=None)
