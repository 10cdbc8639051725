"""Tunes from end to end: search on one part of a log, choose on a second, report on a third."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cascade.errors import InputError
from cascade.policy.steps import Verifier
from cascade.replay.orders import SEARCH_TASKS
from cascade.replay.parts import Held, Part, Parts
from cascade.replay.plans import FixedPlan, Plan
from cascade.replay.read_parts import PartedLog
from cascade.replay.replay import Replayed
from cascade.replay.replay_parts import replay_parts
from cascade.replay.table import OutcomeTable
from cascade.tuning.advice import advice, untried
from cascade.tuning.checks import learnt_checks, with_checks
from cascade.tuning.choose import Bench, dials, folds
from cascade.tuning.choosing import Choosing
from cascade.tuning.families import Adaptive, Family, Fixed, Reading, Space
from cascade.tuning.fitted import CHOOSE, REPORT, SEARCH, FittedLog, fitted, size
from cascade.tuning.goal import Goal, probability_met, standard_error
from cascade.tuning.select import AVERAGE, Choice, Pick, Singles, better, p_value, pick, worth
from cascade.types import Task

APART = 3000
"""From so many tasks on, searching and choosing have parts of their own; below, they are cross-fitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """confidence: with which the goal is to be met (0.5 and below: on average). seed: of every split.

    tasks: by id, for a search that reads their texts.
    """

    confidence: float = 0.95
    seed: int = 0
    space: Space = field(default_factory=Space)
    families: tuple[Family, ...] = field(default_factory=lambda: (Adaptive(), Fixed()))
    tasks: Mapping[str, Task] | None = None

    @property
    def promising(self) -> bool:
        """Whether the goal is to be promised, and not only met on average."""
        return 1 - self.confidence < AVERAGE

    def searched(self, search: OutcomeTable) -> tuple[Family, ...]:
        """The families, and one that reads the tasks' texts where these tell anything of the searching tasks."""
        texts = self.space.texts
        if texts is None or texts.learn(search) is None:
            return self.families
        return (*self.families, Reading())


@dataclass(frozen=True, slots=True, eq=False)
class Tuned:
    """The best policy for a goal, with its evidence. report: on tasks that neither search nor choice saw. verifier:
    what was assumed of the checks, where nothing was learnt of them.
    """

    goal: Goal
    choice: Choice
    met_probability: float
    report: Replayed
    sizes: dict[str, int]
    notes: tuple[str, ...]
    advice: str
    verifier: Verifier = field(default_factory=Verifier)

    @property
    def reservation(self) -> str:
        """What the probability rests on beside the log, in words; empty if nothing."""
        if self.report.document()["estimator"] != "imputed":
            return ""
        return " (if what was never tried is as the model expects)"


def tune(table: OutcomeTable, goal: Goal, settings: Settings | None = None) -> Tuned:
    """Find the best policy for a goal.

    Raises InputError for a log that there is nothing to choose in (one tier, no costs), SupportError for one
    with too few tasks (30) or too many gaps.
    """
    log = PartedLog(Held((Part.of(table),)), table.part(slice(0, 0)))
    return tune_parts(log, goal, settings or Settings())


def tune_parts(log: PartedLog, goal: Goal, settings: Settings) -> Tuned:
    """Find the best policy for a goal on a log in parts. Raises as `tune`.

    What is found does not depend on the cut: tasks are drawn by their ids and judged by exact sums. Logs of
    fewer than 3,000 tasks are put together and cross-fitted.
    """
    fit = fitted(log, settings.space)
    _known_reference(goal, fit.about)
    if settings.tasks is not None:
        from cascade.tuning.reading import read

        fit, texts = read(fit, settings.tasks, seed=settings.seed)
        settings = replace(settings, space=replace(settings.space, texts=texts))
    shares = _thirds(fit, settings.seed) if fit.tasks >= APART else _folded(fit, settings.seed)
    choice = search_and_choose(shares.search, goal, settings, apart=shares.choose)
    filled = fit.about.imputed_share
    if filled and settings.promising:
        choice = replace(choice, pick=replace(choice.pick, promised=False))
    replayed = replay_parts(shares.report, choice.plan, about=fit.about, verifier=settings.space.verifier)
    met = _met(goal, choice, shares.report, settings)
    notes = (*fit.about.notes, *choice.notes)
    told = {"untried": untried(choice, shares.search), "filled": filled}
    words = advice(goal, choice, settings.confidence, **told)
    return Tuned(goal, choice, met, replayed, shares.sizes, notes, words, settings.space.verifier)


@dataclass(frozen=True, slots=True, eq=False)
class _Shares:
    """A log's tasks shared out. choose: None where the searching tasks are chosen on as well, fold by fold."""

    search: OutcomeTable
    choose: Parts[Part] | None
    report: Parts[Part]
    sizes: dict[str, int]


def _folded(fit: FittedLog, seed: int) -> _Shares:
    table = fit.table()
    n = len(table)
    order = np.random.default_rng(seed).permutation(n)
    cut = n - max(n // 4, 1)
    search, report = table.rows(order[:cut]), table.rows(order[cut:])
    sizes = {"search": cut, "choose": cut, "report": n - cut}
    return _Shares(search, None, Held((Part.of(report),)), sizes)


def _thirds(fit: FittedLog, seed: int) -> _Shares:
    """Searching needs no more than a sample of its share; the other two stay where they are."""
    search, count = fit.sample(SEARCH, SEARCH_TASKS, seed)
    choose, report = (fit.share(one, seed) for one in (CHOOSE, REPORT))
    sizes = {"search": count, "choose": size(choose), "report": size(report)}
    return _Shares(search, choose, report, sizes)


def search_and_choose(
    search: OutcomeTable, goal: Goal, settings: Settings, *, apart: Parts[Part] | None = None
) -> Choice:
    """Search one table and choose on other tasks (`apart`), or cross-fit both on the one.

    The tasks are taken as `fit_to_tune` leaves them.
    """
    _known_reference(goal, search)
    fold = folds(len(search), settings.seed + 1) if apart is None else np.zeros(len(search), dtype=np.intp)
    count = int(fold.max()) + 1
    parts = apart or Held(
        tuple(Part.of(search.rows(np.flatnonzero(fold == k)), fold=k) for k in range(count))
    )
    reference = None if goal.tier is None else _alone(search, goal.tier)
    choosing = Choosing(parts, settings.space.verifier, reference)
    taught_by = [search] if apart else [search.rows(np.flatnonzero(fold != k)) for k in range(count)]
    families, notes = with_checks(settings.searched(search), search)
    benches = [
        Bench(family, [family.learn(table, settings.space) for table in taught_by], choosing)
        for family in families
    ]
    plans = {tier: _alone(search, tier) for tier in search.tiers}
    singles = {tier: choosing.trial(plan.name, 0.0, (plan,) * count) for tier, plan in plans.items()}
    found = pick(goal, benches, Singles(singles, choosing), dials(search), 1 - settings.confidence)
    trials = tuple(trial for bench in benches for trial in bench.trials.values())
    plan = _final(found, benches, search, settings)
    alone = found.alone
    if alone is not None and not _stays_better(goal, choosing, (plan,) * count, alone):
        found, plan = alone, _final(alone, benches, search, settings)
    return Choice(found, plan, trials, Singles(singles, choosing), learnt_checks(search, plan), notes)


def _stays_better(goal: Goal, choosing: Choosing, plans: tuple[Plan, ...], alone: Pick) -> bool:
    """Whether the policy learnt from all tasks, too, is better on them than the best tier alone.

    Cross-fitted figures may be of members that turn at different dials, fold by fold, which no policy does.
    """
    return better(goal, choosing.trial("all tasks", 0.0, plans), alone.trial, choosing)


def fit_to_tune(table: OutcomeTable, space: Space) -> OutcomeTable:
    """The part of a table that can be searched: complete, priced, in the order of task ids. Raises as `tune`."""
    return fitted(PartedLog(Held((Part.of(table),)), table.part(slice(0, 0))), space).table()


def _final(found: Pick, benches: Sequence[Bench], search: OutcomeTable, settings: Settings) -> Plan:
    if found.single is not None:
        return _alone(search, found.single)
    bench = next(one for one in benches if one.family.name == found.trial.family)
    learnt = bench.learnt[0] if len(bench.learnt) == 1 else bench.family.learn(search, settings.space)
    return learnt.plan(found.trial.value_usd)


def _alone(table: OutcomeTable, tier: str) -> FixedPlan:
    return FixedPlan((table.arms[table.first(tier)],), name=f"always:{tier}")


def _known_reference(goal: Goal, table: OutcomeTable) -> None:
    if goal.tier is not None and goal.tier not in table.tiers:
        raise InputError(
            f"the goal is as good as {goal.tier}, which is not among the tiers searched",
            hint=f"they are {', '.join(table.tiers)}",
        )


def _met(goal: Goal, choice: Choice, report: Parts[Part], settings: Settings) -> float:
    """The probability that the goal is truly met: the smaller of two views.

    One minus the p value of the choosing tasks (valid whatever the prior), and for a stated success the
    posterior over choosing and reporting tasks together (Jeffreys' prior). A goal of value is met where the
    choice is worth at least as much as the best tier alone.
    """
    chosen = 1 - choice.pick.p_value
    if goal.tier is not None and choice.pick.single == goal.tier:
        return 1.0
    if goal.kind == "value":
        return _beats_singles(goal, choice)
    unseen = Choosing(report, settings.space.verifier, choice.singles.choosing.reference)
    both = choice.pick.trial.score + unseen.trial("report", 0.0, (choice.plan,)).score
    if goal.kind == "success" and goal.tier is None:
        return min(chosen, probability_met(both.success, goal.amount))
    return min(chosen, 1 - p_value(goal, both))


def _beats_singles(goal: Goal, choice: Choice) -> float:
    """The probability that the choice is worth at least as much as the best tier alone (normal, by task)."""
    from scipy.stats import norm

    best = max(choice.singles.trials.values(), key=lambda trial: worth(goal, trial))
    gain = choice.singles.choosing.gain(goal, choice.pick.trial, best)
    error = standard_error(gain)
    if error == 0:
        return 1.0 if gain.mean >= 0 else 0.0
    return float(norm.cdf(gain.mean / error))
