"""The expected-value policy: takes the step that is worth most, and says what it weighed it against."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from cascade.errors import PriceError
from cascade.policy.base import Action, Decision, Option, Situation
from cascade.policy.judge import best_judged, doubted
from cascade.policy.latent import stated_prior
from cascade.policy.settled import OnUnchecked, settled, usd, what_happened
from cascade.policy.steps import Estimates, Step, Verifier, step_of
from cascade.policy.tree import Terms, Tree, Weighed
from cascade.types import History, Judged

_SAMPLES = 101


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What the decision is taken under.

    verifier: how often the checks err. per_tier: at most so many attempts at one tier (2 where a tier is
    not named). second_usd: the price of waiting a second. shown: the configured history by tier, of a retry;
    escalated: the same of an attempt after another tier's (None: as `shown`).
    on_unchecked: see `cascade.policy.settled`.
    """

    verifier: Verifier = field(default_factory=Verifier)
    per_tier: Mapping[str, int] = field(default_factory=dict)
    second_usd: float = 0.0
    shown: Mapping[str, History] = field(default_factory=dict)
    escalated: Mapping[str, History] | None = None
    on_unchecked: OnUnchecked = "stop"

    def configured(self, tier: str, last: str) -> History:
        """What an attempt at a tier is shown of one at `last`."""
        if tier == last or self.escalated is None:
            return self.shown.get(tier, "none")
        return self.escalated.get(tier, "none")


class ExpectedValuePolicy:
    """Solves the tree of attempts exactly (`cascade.policy.tree`) and takes its best step.

    value_usd: worth of a solved task. max_attempts: on one task, all tiers together. explore: the rate at
    which a step is taken at random, or "thompson". estimates: what is believed (default: the stated prior,
    in which failures are correlated); where they tell ways of showing a failure apart, the best is chosen
    and named in the decision.

    Exploration is a pure function of `Situation.draw`. Thompson: each step's probability is drawn from
    Beta(p·n, (1-p)·n), n the evidence behind it, `draw` picking one of 101 fixed samples; the propensity is
    the exact share of samples that choose the same (Russo et al., arXiv 1707.02038).

    Where a judge was asked of an answer that nothing failed, accepting it is worth P·v, and is weighed against
    going on: the belief is moved by P, what the judge says of other tiers counts, and no answer to come is taken
    to be proven either (each is worth its P), unless a verifier that errs is stated. `accept` of the judge only
    says whether the answer that is kept counts as accepted.
    """

    name = "expected_value"

    def __init__(
        self,
        value_usd: float = 0.5,
        *,
        max_attempts: int = 4,
        explore: float | Literal["thompson"] = 0.0,
        estimates: Estimates | None = None,
        conditions: Conditions | None = None,
    ) -> None:
        if value_usd < 0 or max_attempts < 1:
            raise ValueError("value_usd is at least 0 and max_attempts at least 1")
        if explore != "thompson" and not 0 <= explore <= 1:
            raise ValueError("explore is a rate in [0, 1], or 'thompson'")
        self.conditions = conditions or Conditions()
        self.terms = Terms(value_usd, max_attempts, self.conditions.verifier, self.conditions.second_usd)
        self.explore: float | Literal["thompson"] = explore
        self.estimates: Estimates = estimates if estimates is not None else stated_prior()

    def decide(self, situation: Situation) -> Decision:
        """See `Policy`. Raises PriceError where no cost at all is known for a tier that could be tried."""
        done = settled(situation, self.conditions.on_unchecked, weighs=True)
        if done is not None:
            return done
        belief = self.estimates.belief(situation, self.terms.verifier)
        trail = tuple(step_of(attempt) for attempt in situation.attempts)

        def allowed(steps: tuple[Step, ...]) -> list[Step]:
            return self._allowed(situation, steps)

        tree = Tree(situation, self._terms(situation), allowed)
        self._need_prices(tree, situation, trail)
        return self._choose(situation, tree.weigh(belief, trail), tree.stopping(belief, trail))

    def _terms(self, situation: Situation) -> Terms:
        """The tree's terms: where a judge's word had to decide, the checks do not tell right from wrong."""
        if best_judged(situation.attempts) is None or not self.terms.verifier.perfect:
            return self.terms
        return replace(self.terms, verifier=Verifier(accept=1.0, reject=0.0))

    def _allowed(self, situation: Situation, trail: tuple[Step, ...]) -> list[Step]:
        """Every tier with attempts left, one step for each way of showing what failed last."""
        broken = {attempt.tier for attempt in situation.attempts if attempt.error is not None}
        steps = []
        last = trail[-1].tier if trail else None
        for tier in situation.tiers:
            number = 1 + sum(step.tier == tier for step in trail)
            if tier in broken or number > self.conditions.per_tier.get(tier, 2):
                continue
            steps += [
                Step(tier, number, last if history != "none" else None, history)
                for history in self._histories(tier, number, last)
            ]
        return [step for step in steps if self.estimates.allows(step, last)]

    def _histories(self, tier: str, number: int, last: str | None) -> tuple[History, ...]:
        if last is None:
            return ("none",)
        known = self.estimates.histories(tier, number, last)
        configured = self.conditions.configured(tier, last)
        return tuple(dict.fromkeys(known)) if len(set(known)) > 1 else (configured,)

    def _need_prices(self, tree: Tree, situation: Situation, trail: tuple[Step, ...]) -> None:
        belief = self.estimates.belief(situation, self.terms.verifier)
        steps = self._allowed(situation, trail)
        unknown = {step.tier for step in steps if tree.cost(belief, step) is None}
        if unknown:
            names = ", ".join(sorted(unknown))
            raise PriceError(
                f"the expected-value policy cannot weigh {names}: what a call costs is not known",
                hint="declare `price` for the tier, or use the threshold policy",
            )

    def _choose(
        self, situation: Situation, weighed: list[Weighed], stopping: tuple[float, int | None]
    ) -> Decision:
        options = tuple(_option(situation, one) for one in weighed)
        best = max(weighed, key=lambda one: one.value_usd, default=None)
        if best is not None and best.value_usd <= stopping[0]:
            best = None
        picked, propensity, explored = best, 1.0, False
        if weighed and self.explore == "thompson":
            picked, propensity = _thompson(weighed, self.terms, stopping[0], situation.draw)
            explored = picked is not best
        elif weighed and self.explore != "thompson" and self.explore > 0:
            picked, propensity, explored = _sometimes(weighed, best, self.explore, situation.draw)
        reason = self._reason(situation, weighed, picked, explored=explored)
        if picked is None:
            kept = _kept(situation, place=stopping[1], reason=reason)
            return replace(kept, options=options, propensity=propensity)
        return Decision(
            action=_action(situation, picked.step.tier),
            tier=picked.step.tier,
            reason=reason,
            options=options,
            propensity=propensity,
            explored=explored,
            history=self._override(situation, picked.step),
        )

    def _override(self, situation: Situation, step: Step) -> History | None:
        """The step's history where it is not what is configured for its tier."""
        if not situation.attempts:
            return None
        if step.history == self.conditions.configured(step.tier, situation.attempts[-1].tier):
            return None
        return step.history

    def _reason(
        self, situation: Situation, weighed: list[Weighed], picked: Weighed | None, *, explored: bool
    ) -> str:
        v = f"v = {usd(self.terms.value_usd)}"
        others = sorted((one for one in weighed if one is not picked), key=lambda one: -one.value_usd)
        against = ", ".join(_words(situation, one) for one in others[:3])
        judged = best_judged(situation.attempts)
        if judged is not None and judged.judged is not None:
            return _judged_reason(situation, judged.judged, weighed, picked, self.terms.value_usd)
        if picked is None:
            happened = f"{what_happened(situation.attempts[-1])}; " if situation.attempts else ""
            if not weighed:
                return f"stop: {happened}no further attempt is allowed or fits the budget"
            return f"stop: {happened}nothing left is worth its cost: {against}, {v}"
        action = _action(situation, picked.step.tier)
        beside = f" against {against}" if against else ""
        chance = " (explored)" if explored else ""
        return f"{action}{chance}: {_words(situation, picked)}{beside}, {v}"


def _kept(situation: Situation, *, place: int | None, reason: str) -> Decision:
    """No further attempt: the likeliest answer is accepted where a judge finds it likely enough, else given back.

    place: of the attempt whose answer is the best there is; None: no view of it.
    """
    judged = best_judged(situation.attempts)
    if judged is None or doubted(judged):
        if place is None:
            last = situation.attempts[-1].tier if situation.attempts else None
            return Decision(action="stop", tier=last, reason=reason)
        best = situation.attempts[place]
        return Decision(action="stop", tier=best.tier, reason=reason, given=best.number)
    return Decision(action="accept", tier=judged.tier, reason=reason, given=judged.number)


def _judged_reason(
    situation: Situation, told: Judged, weighed: list[Weighed], picked: Weighed | None, value_usd: float
) -> str:
    """What keeping the judged answer is worth, what going on is, and which it is."""
    best = picked or max(weighed, key=lambda one: one.value_usd, default=None)
    keeping = f"judged {told.p:.2f} likely right: accepting is worth {usd(told.p * value_usd)}"
    going = (
        "no further attempt is allowed or fits the budget"
        if best is None
        else f"going on {usd(best.value_usd)} ({_words(situation, best)})"
    )
    action = _action(situation, picked.step.tier) if picked is not None else "accept"
    short = picked is None and told.p < told.accept
    less = f"; less than {told.accept:.2f}, so it is given back unaccepted" if short else ""
    return f"{'stop' if short else action}: {keeping}, {going}, v = {usd(value_usd)}{less}"


def _action(situation: Situation, tier: str) -> Action:
    if not situation.attempts:
        return "start"
    return "retry" if tier == situation.attempts[-1].tier else "escalate"


def _words(situation: Situation, one: Weighed) -> str:
    again = " retry" if _action(situation, one.step.tier) == "retry" else ""
    shown = f" shown {one.step.history}" if one.step.history != "none" else ""
    return f"{one.step.tier}{again}{shown} {one.p:.2f} at {usd(one.cost_usd)}"


def _option(situation: Situation, one: Weighed) -> Option:
    action = _action(situation, one.step.tier)
    return Option(action=action, tier=one.step.tier, p=one.p, cost_usd=one.cost_usd, value_usd=one.value_usd)


def _sometimes(
    weighed: list[Weighed], best: Weighed | None, rate: float, draw: float
) -> tuple[Weighed | None, float, bool]:
    """With probability `rate` any step, each as likely; else the best (or to stop, if that is best)."""
    share = rate / len(weighed)
    if draw >= rate:
        return best, 1 - rate + (share if best is not None else 0.0), False
    picked = weighed[min(int(draw / rate * len(weighed)), len(weighed) - 1)]
    propensity = share + (1 - rate if picked is best else 0.0)
    return picked, propensity, True


def _thompson(
    weighed: list[Weighed], terms: Terms, stopping: float, draw: float
) -> tuple[Weighed | None, float]:
    """The choice of the sample that `draw` points to, and the share of samples that choose the same."""
    choices = [_sampled(weighed, terms, stopping, seed) for seed in range(_SAMPLES)]
    picked = choices[min(int(draw * _SAMPLES), _SAMPLES - 1)]
    return picked, sum(choice is picked for choice in choices) / _SAMPLES


def _sampled(weighed: list[Weighed], terms: Terms, stopping: float, seed: int) -> Weighed | None:
    """What would be chosen if every step's pass probability were one draw from what is believed of it."""
    chance = random.Random(seed)  # noqa: S311  (not a secret: the sample has to be the same in a replay)
    best, most = None, stopping
    for one in weighed:
        n = max(one.evidence, 2.0)
        p = chance.betavariate(max(one.p * n, 0.01), max((1 - one.p) * n, 0.01))
        value = one.value_usd + (p - one.p) * terms.verifier.accept * terms.value_usd
        if value > most:
            best, most = one, value
    return best
