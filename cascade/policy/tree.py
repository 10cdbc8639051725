"""The exact tree of the decision: every order of attempts, each worth what it may bring less what it costs.

    V(h) = max(s(h)·v, max_a  -c_a + P(accepted and right)·v + P(rejected)·V(h + a rejected))

where s(h) is the chance that the best of the rejected answers is right after all: 0 if the verifier never errs, and
at least the judge's P of an answer that nothing proves.

(design section 4; cascade routing, Dekoninck et al., arXiv 2410.10347, is the same with real-valued quality).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cascade.policy.base import Situation
from cascade.policy.judge import best_judged
from cascade.policy.steps import Belief, Step, Verifier


@dataclass(frozen=True, slots=True)
class Terms:
    """What the tree is solved for: worth and limits, in USD, attempts and seconds."""

    value_usd: float
    max_attempts: int
    verifier: Verifier
    second_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Weighed:
    """A next step with its pass probability (of being right), its cost and its value in USD."""

    step: Step
    p: float
    cost_usd: float
    value_usd: float
    evidence: float


Allowed = Callable[[tuple[Step, ...]], list[Step]]


@dataclass(slots=True)
class Tree:
    """Solves one situation. `allowed` lists the steps that may follow a trail; what was solved is kept."""

    situation: Situation
    terms: Terms
    allowed: Allowed
    solved: dict[tuple[object, ...], float] = field(default_factory=dict)

    def weigh(self, belief: Belief, trail: tuple[Step, ...]) -> list[Weighed]:
        """Every affordable next step after `trail`, in the order in which `allowed` gives them."""
        return self._weigh(belief, trail, self.situation.budget_usd)

    def cost(self, belief: Belief, step: Step) -> float | None:
        """Expected USD of a step; None where neither the situation nor the log knows."""
        estimate = belief.estimate(step)
        stated = self.situation.expected_cost.get(step.tier)
        if stated is not None:
            return stated * estimate.cost_ratio
        return estimate.cost_usd

    def stopping(self, belief: Belief, trail: tuple[Step, ...]) -> tuple[float, int | None]:
        """What stopping after `trail` is worth in USD, and the place in it of the answer that is the best to give
        back; None where none is known to be better than another."""
        judged = best_judged(self.situation.attempts)
        if not trail or (self.terms.verifier.perfect and judged is None):
            return 0.0, None
        chances = [(belief.stands(step), place) for place, step in enumerate(trail)]
        if judged is not None:
            chances.append((judged.judged_p or 0.0, self.situation.attempts.index(judged)))
        chance, place = max(chances, key=lambda pair: pair[0])
        return chance * self.terms.value_usd, place

    def _weigh(self, belief: Belief, trail: tuple[Step, ...], left: float | None) -> list[Weighed]:
        if len(trail) >= self.terms.max_attempts:
            return []
        found = []
        for step in self.allowed(trail):
            cost = self.cost(belief, step)
            if cost is None or (left is not None and cost > left):
                continue
            estimate = belief.estimate(step)
            rest = None if left is None else left - cost
            value = self._value(belief, trail, step, cost, rest)
            found.append(Weighed(step, estimate.p, cost, value, estimate.evidence))
        return found

    def _value(
        self, belief: Belief, trail: tuple[Step, ...], step: Step, cost: float, rest: float | None
    ) -> float:
        p = belief.estimate(step).p
        verifier = self.terms.verifier
        time = self.terms.second_usd * self.situation.expected_latency_s.get(step.tier, 0.0)
        now = p * verifier.accept * self.terms.value_usd - cost - time
        rejected = 1 - verifier.passes(p)
        if rejected <= 0:
            return now
        return now + rejected * self._best(belief, trail, step, rest)

    def _best(self, belief: Belief, trail: tuple[Step, ...], step: Step, rest: float | None) -> float:
        """The value of going on after `step` was rejected too, at least that of stopping."""
        longer = (*trail, step)
        key = (frozenset(longer), step.tier, None if rest is None else round(rest, 9))
        if key not in self.solved:
            after = belief.rejected(step)
            options = self._weigh(after, longer, rest)
            stop, _ = self.stopping(after, longer)
            self.solved[key] = max([stop, *(option.value_usd for option in options)])
        return self.solved[key]
