"""The tasks that policies are judged on while choosing: every judgement is a pass that brings sums back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cascade.policy.steps import Verifier
from cascade.replay.engine import play
from cascade.replay.exact import Totals
from cascade.replay.intervals import Moments
from cascade.replay.parts import Part, Parts
from cascade.replay.plans import Plan
from cascade.tuning.goal import Goal, Paired


@dataclass(frozen=True, slots=True)
class Score:
    """Success, cost in USD, and success against the goal's reference tier, by task, in sums that add up.

    Over the tasks that the log can answer for: what a set of validators would have said is open for a few.
    """

    success_sums: Totals = field(default_factory=Totals)
    cost_sums: Totals = field(default_factory=Totals)
    paired: Paired = field(default_factory=Paired)

    def __add__(self, other: Score) -> Score:
        return Score(
            self.success_sums + other.success_sums,
            self.cost_sums + other.cost_sums,
            self.paired + other.paired,
        )

    @property
    def success(self) -> Moments:
        """By task."""
        return self.success_sums.moments

    @property
    def cost(self) -> Moments:
        """By task, USD."""
        return self.cost_sums.moments


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A member on the choosing tasks. plans: by fold, each learnt from the tasks of the other folds."""

    family: str
    value_usd: float
    plans: tuple[Plan, ...]
    score: Score

    @property
    def point(self) -> tuple[float, float]:
        """Mean success and mean cost."""
        return self.score.success.mean, self.score.cost.mean


@dataclass(frozen=True, slots=True, eq=False)
class Choosing:
    """Tasks in parts; each part's fold says by which of a member's plans it is judged.

    reference: the tier that the goal names, alone.
    """

    parts: Parts[Part]
    verifier: Verifier
    reference: Plan | None = None

    def trial(self, family: str, value_usd: float, plans: Sequence[Plan]) -> Trial:
        """A member judged on tasks that its plans were not learnt from."""
        job = _Score(tuple(plans), self.reference, self.verifier)
        return Trial(family, value_usd, job.plans, sum(self.parts.each(job), Score()))

    def gain(self, goal: Goal, one: Trial, other: Trial) -> Moments:
        """By how much one member does better than another in what the goal wants most of, task by task."""
        job = _Gain(one.plans, other.plans, weights(goal), self.verifier)
        return sum(self.parts.each(job), Totals()).moments


def weights(goal: Goal) -> tuple[float, float]:
    """What a goal wants most of, as weights of success and of cost."""
    if goal.kind == "success":
        return 0.0, -1.0
    return (1.0, 0.0) if goal.kind == "cost" else (goal.amount, -1.0)


@dataclass(frozen=True, slots=True)
class _Score:
    plans: tuple[Plan, ...]
    reference: Plan | None
    verifier: Verifier

    def __call__(self, part: Part) -> Score:
        played = play(part.table, self.plans[part.fold], verifier=self.verifier)
        known = ~played.unknown
        success, cost = played.success[known], played.cost[known]
        score = Score(Totals.of(success), Totals.of(cost))
        if self.reference is None:
            return score
        against = play(part.table, self.reference, verifier=self.verifier)
        both = known & ~against.unknown
        return replace(score, paired=Paired.of(played.success[both], against.success[both]))


@dataclass(frozen=True, slots=True)
class _Gain:
    one: tuple[Plan, ...]
    other: tuple[Plan, ...]
    weights: tuple[float, float]
    verifier: Verifier

    def __call__(self, part: Part) -> Totals:
        success, cost = self.weights
        a, b = (
            play(part.table, plans[part.fold], verifier=self.verifier) for plans in (self.one, self.other)
        )
        gain = success * (a.success - b.success) + cost * (a.cost - b.cost)
        return Totals.of(gain[~(a.unknown | b.unknown)])
