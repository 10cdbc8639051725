"""Picks, for a goal, the member of all families that meets it best on the choosing tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from cascade.replay.intervals import Moments
from cascade.replay.plans import CheckedPlan, Plan
from cascade.replay.table import Floats
from cascade.tuning.checks import ChosenChecks
from cascade.tuning.choose import Bench
from cascade.tuning.choosing import Choosing, Score, Trial, weights
from cascade.tuning.goal import Goal, cost_p_value, paired_p_value, standard_error, success_p_value

_REFINE = 5
_HALVINGS = 6
_WORTH_IT = 0.025
"""The level at which a cascade has to beat a tier alone: strict, since the best of many members is held to it."""
_MATERIAL = 0.02
_DIGITS = 9  # of p values that are compared: below, hopeless ones differ by rounding only
AVERAGE = 0.3
"""Levels from here on ask for no promise: the goal is to be met on average."""


@dataclass(frozen=True, slots=True, eq=False)
class Pick:
    """A chosen trial. p_value: of the goal not being met; promised: whether that is at most the level asked
    for. single: the tier, if it is one tier alone. alone: the best tier alone that meets the goal as well.
    """

    trial: Trial
    p_value: float
    promised: bool
    single: str | None = None
    alone: Pick | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Singles:
    """Each tier alone on the choosing tasks, by tier."""

    trials: dict[str, Trial]
    choosing: Choosing


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What was picked on the searching and choosing parts. plan: learnt from all of the former. checks: the
    validators that it is checked by and what was learnt of them, where verdicts are logged. notes: in words.
    """

    pick: Pick
    plan: Plan
    trials: tuple[Trial, ...]
    singles: Singles
    checks: ChosenChecks | None = None
    notes: tuple[str, ...] = ()

    @property
    def policy(self) -> Plan:
        """The plan itself, whatever checks its answers."""
        return self.plan.plan if isinstance(self.plan, CheckedPlan) else self.plan


def pick(
    goal: Goal, benches: Sequence[Bench], singles: Singles, dials: Sequence[float], level: float
) -> Pick:
    """The best member for a goal at a level (1 - confidence).

    The level is shared out: half to the benches, half to single tiers. At 0.3 and above no promise is
    wanted, and means decide. Where nothing can be promised, the
    likeliest to meet the goal is returned, marked as not promised. What never tries anything keeps any budget and
    is no answer. A cascade is only preferred to a tier
    alone that meets the goal as well if it is cheaper (or, for the other goals, better) beyond chance.
    """
    promising = level < AVERAGE
    found = [_pick_single(goal, singles, level / 2 if promising else level)]
    share = level / 2 / max(len(benches), 1) if promising else level
    found += [_pick_member(goal, bench, dials, share) for bench in benches]
    kept = [one for one in found if one is not None and any(one.trial.point)]
    promised = [one for one in kept if one.promised]
    if not promised:
        return min(kept, key=lambda one: (round(one.p_value, _DIGITS), one.trial.point[1]))
    best = max(promised, key=lambda one: _merit(goal, one.trial))
    alone = max(
        (one for one in promised if one.single), key=lambda one: _merit(goal, one.trial), default=None
    )
    if alone is None or best is alone or not better(goal, best.trial, alone.trial, singles.choosing):
        return alone or best
    return replace(best, alone=alone)


def better(goal: Goal, trial: Trial, alone: Trial, choosing: Choosing) -> bool:
    """Whether a member is better than a tier alone in what the goal wants most of, beyond chance."""
    return _beyond_chance(choosing.gain(goal, trial, alone), worth(goal, alone))


def p_value(goal: Goal, score: Score) -> float:
    """P(figures this good) if the goal were just missed; for a value goal there is nothing to miss."""
    if goal.kind == "cost":
        return cost_p_value(score.cost, goal.amount)
    if goal.kind == "value":
        return 0.0
    if goal.tier is not None:
        return paired_p_value(score.paired)
    return success_p_value(score.success, goal.amount)


def single_p_value(goal: Goal, tier: str, trial: Trial) -> float:
    """See `p_value`; a tier is as good as itself."""
    return 0.0 if tier == goal.tier else p_value(goal, trial.score)


def _merit(goal: Goal, trial: Trial) -> tuple[float, float]:
    success, cost = trial.point
    if goal.kind == "success":
        return -cost, success
    if goal.kind == "cost":
        return success, -cost
    return goal.amount * success - cost, success


def worth(goal: Goal, trial: Trial) -> float:
    """The mean of what the goal wants most of."""
    (success, cost), (right, usd) = weights(goal), trial.point
    return success * right + cost * usd


def _beyond_chance(gain: Moments, usual: float) -> bool:
    """Whether an advantage over what is usual, task by task, is material and more than noise (one-sided)."""
    from scipy.stats import norm

    if abs(gain.mean) < _MATERIAL * abs(usual):
        return False
    error = standard_error(gain)
    return gain.mean > 0 if error == 0 else bool(float(norm.sf(gain.mean / error)) <= _WORTH_IT)


def _pick_single(goal: Goal, singles: Singles, level: float) -> Pick | None:
    """The best tier alone; tested from the surest downwards."""
    tested = sorted(
        ((single_p_value(goal, name, trial), name, trial) for name, trial in singles.trials.items()),
        key=lambda one: one[0],
    )
    allowed = single_level(goal, singles, level)
    passed = [one for one in tested if one[0] <= allowed]
    if not passed:
        p, name, trial = tested[0]
        return Pick(trial, p, promised=False, single=name)
    p, name, trial = max(passed, key=lambda one: _merit(goal, one[2]))
    return Pick(trial, p, promised=True, single=name)


def single_level(goal: Goal, singles: Singles, level: float) -> float:
    """The level of each tier's test, where all tiers together are allowed `level`; the goal's own needs none."""
    tested = len(singles.trials) - (goal.tier is not None)
    return level / max(tested, 1) if level < AVERAGE else level


def _pick_member(goal: Goal, bench: Bench, dials: Sequence[float], level: float) -> Pick | None:
    if goal.kind == "value":
        trial = bench.trial(goal.amount)
        return Pick(trial, 0.0, promised=True)

    def judge(value: float) -> float:
        return p_value(goal, bench.trial(value).score)

    ordered = list(dials) if goal.kind == "cost" else list(reversed(dials))
    value = _by_mean(goal, bench, ordered, level) if level >= AVERAGE else _in_sequence(judge, ordered, level)
    if value is None:
        best = min(ordered, key=lambda dial: round(judge(dial), _DIGITS))
        return Pick(bench.trial(best), judge(best), promised=False)
    return Pick(bench.trial(value), judge(value), promised=True)


def _in_sequence(judge: Callable[[float], float], ordered: Sequence[float], level: float) -> float | None:
    """The last dial that passes before the first that fails, then half steps beyond it."""
    kept: float | None = None
    failed: float | None = None
    for value in ordered:
        if judge(value) > level:
            failed = value
            break
        kept = value
    if kept is None or failed is None:
        return kept
    for value in np.geomspace(kept, failed, _REFINE + 2)[1:-1]:
        if judge(float(value)) > level:
            break
        kept = float(value)
    return kept


def _by_mean(goal: Goal, bench: Bench, dials: Sequence[float], level: float) -> float | None:
    """Without a promise to keep: the stingiest dial whose smoothed mean meets the goal, with room to spare.

    The room is the normal quantile of the confidence, in standard errors: none at 0.5. Means of a family that
    changes gradually are smoothed over neighbouring dials and made monotone; the dial is read off between the
    two that enclose the goal. Of a family that changes by steps, a dial's own mean has to meet it. Only of one that
    changes task by task is a member sought between two dials that differ by more than noise: of another,
    folds that turn at different dials would pass for it.
    """
    from scipy.stats import norm

    safety = float(norm.isf(min(level, 0.5)))
    margins: dict[float, float] = {}

    def judge(value: float) -> float:
        margin, error = _margin(goal, bench.trial(value).score)
        margins[value] = margin - safety * error
        return error

    for value in sorted(dials):
        error = judge(value)
        if len(margins) > 3 and _decided(goal, list(margins.values())[-3:], error):
            break
    rising = goal.kind != "cost"
    if bench.family.change == "step":
        meets = _monotone(np.array(list(margins.values())), rising=rising) >= -1e-12
        kept = [v for (v, raw), fine in zip(margins.items(), meets, strict=True) if fine and raw >= -1e-12]
        return (min(kept) if rising else max(kept)) if kept else None
    for _ in range(_HALVINGS if bench.family.change == "by task" else 0):
        between = _steep(margins, 2 * error)
        if between is None:
            break
        error = judge(between)
    logs = np.log(sorted(margins))
    read = _smoothed(logs, np.array([margins[value] for value in sorted(margins)]))
    return _crossing(logs, _monotone(read, rising=rising), rising=rising)


def _steep(margins: Mapping[float, float], noise: float) -> float | None:
    """The middle of the first two neighbouring dials that enclose the goal and differ by more than noise."""
    for low, high in pairwise(sorted(margins)):
        one, other = margins[low], margins[high]
        if min(one, other) < 0 <= max(one, other) and abs(one - other) > noise:
            return float(np.sqrt(low * high))
    return None


def _margin(goal: Goal, score: Score) -> tuple[float, float]:
    """By how much a task meets the goal on average, and the standard error of that."""
    if goal.kind == "cost":
        return goal.amount - score.cost.mean, standard_error(score.cost)
    if goal.tier is not None:
        gain = score.paired.difference.moments
        return gain.mean, standard_error(gain)
    return score.success.mean - goal.amount, standard_error(score.success)


def _decided(goal: Goal, last: Sequence[float], error: float) -> bool:
    """Whether the last three dials leave no doubt on which side of the goal they and all beyond them are."""
    return max(last) < -2 * error if goal.kind == "cost" else min(last) > 2 * error


def _smoothed(x: Floats, y: Floats) -> Floats:
    """Gaussian weights over neighbours, as wide as the dials are apart there."""
    if len(x) < 2:
        return y
    gaps = np.diff(x)
    width = np.minimum(np.append(gaps, np.inf), np.insert(gaps, 0, np.inf))
    weights = np.exp(-0.5 * ((x[:, None] - x) / width[:, None]) ** 2)
    return np.asarray(weights @ y / weights.sum(axis=1))


def _crossing(logs: Floats, margins: Floats, *, rising: bool) -> float | None:
    """The dial at which monotone margins cross 0, on the side that meets the goal; None if none does."""
    meets = np.flatnonzero(margins >= -1e-12)
    if not meets.size:
        return None
    kept = int(meets[0] if rising else meets[-1])
    other = kept - 1 if rising else kept + 1
    if not 0 <= other < len(logs) or margins[kept] == margins[other]:
        return float(np.exp(logs[kept]))
    share = margins[kept] / (margins[kept] - margins[other])
    return float(np.exp(logs[kept] + share * (logs[other] - logs[kept])))


def _monotone(values: Floats, *, rising: bool) -> Floats:
    """The closest monotone sequence (pool adjacent violators: Ayer et al., 1955)."""
    signed = values if rising else -values
    blocks: list[list[float]] = []
    for value in signed:
        blocks.append([float(value), 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, count = blocks.pop()
            total = blocks[-1][1] + count
            blocks[-1] = [(blocks[-1][0] * blocks[-1][1] + mean * count) / total, total]
    flat = np.concatenate([np.full(int(count), mean) for mean, count in blocks])
    return flat if rising else -flat
