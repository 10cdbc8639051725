"""The threshold policy: simple, explainable, the default until there is a log to learn from."""

from __future__ import annotations

from collections.abc import Mapping

from cascade.policy.base import Action, Decision, Option, Situation
from cascade.policy.settled import OnUnchecked, fits, settled, too_little, usd, what_happened


class ThresholdPolicy:
    """Starts at the first tier that is likely enough to pass; retries, then escalates, in the tiers' order.

    start: least P(pass) at which a tier is tried first; if none has it, the last tier is.
    attempts: how many attempts each tier gets on a task (`default_attempts` where it is not named; 0 leaves
    the tier out). on_unchecked: what becomes of an answer that could not be checked (see `settled`).
    A call that failed (as opposed to an answer that did) is not repeated here: the next tier is asked.
    """

    name = "threshold"

    def __init__(
        self,
        start: float = 0.5,
        *,
        attempts: Mapping[str, int] | None = None,
        default_attempts: int = 2,
        on_unchecked: OnUnchecked = "stop",
    ) -> None:
        if not 0 <= start <= 1:
            raise ValueError("start is a probability")
        self.start = start
        self.attempts = dict(attempts or {})
        self.default_attempts = default_attempts
        self.on_unchecked: OnUnchecked = on_unchecked
        if min(self.attempts.values(), default=0) < 0 or default_attempts < 0:
            raise ValueError("attempts are counts")

    def allowed(self, tier: str) -> int:
        """How many attempts the tier gets on one task."""
        return self.attempts.get(tier, self.default_attempts)

    def decide(self, situation: Situation) -> Decision:
        """See `Policy`."""
        done = settled(situation, self.on_unchecked)
        if done is not None:
            return done
        return self._continue(situation) if situation.attempts else self._start(situation)

    def _start(self, situation: Situation) -> Decision:
        tiers = [tier for tier in situation.tiers if self.allowed(tier) > 0]
        options = tuple(_option(situation, "start", tier) for tier in tiers)
        if not tiers:
            return Decision(action="stop", tier=None, reason="stop: the policy allows no tier an attempt")
        likely = [tier for tier in tiers if situation.probabilities.get(tier, 0.0) >= self.start]
        tier = likely[0] if likely else tiers[-1]
        p = situation.probabilities.get(tier)
        shown = "unknown" if p is None else f"{p:.2f}"
        if not likely:
            why = f"no tier reaches P(pass) {self.start:.2f}, so the last ({shown})"
        else:
            why = f"P(pass) {shown}, at least {self.start:.2f}"
        return _go(situation, options, Decision(action="start", tier=tier, reason=f"start: {tier}, {why}"))

    def _continue(self, situation: Situation) -> Decision:
        last = situation.attempts[-1]
        happened = what_happened(last)
        used = sum(attempt.tier == last.tier for attempt in situation.attempts)
        later = situation.tiers[_place(situation, last.tier) + 1 :]
        after = [tier for tier in later if self.allowed(tier) > 0]
        options = tuple(_option(situation, "escalate", tier) for tier in after)
        if used < self.allowed(last.tier) and last.error is None:
            options = (_option(situation, "retry", last.tier), *options)
            reason = f"retry: {happened}; {used} of {self.allowed(last.tier)} attempts at {last.tier} used"
            return _go(situation, options, Decision(action="retry", tier=last.tier, reason=reason))
        if after:
            reason = f"escalate: {happened}; {after[0]} is next"
            return _go(situation, options, Decision(action="escalate", tier=after[0], reason=reason))
        return Decision(action="stop", tier=last.tier, reason=f"stop: {happened} and no attempt is left")


def _place(situation: Situation, tier: str) -> int:
    return situation.tiers.index(tier) if tier in situation.tiers else -1


def _option(situation: Situation, action: Action, tier: str) -> Option:
    p = situation.probabilities.get(tier) if action == "start" else None
    return Option(action=action, tier=tier, p=p, cost_usd=situation.expected_cost.get(tier))


def _go(situation: Situation, options: tuple[Option, ...], wanted: Decision) -> Decision:
    """The wanted step if it fits the budget, else a stop that says so."""
    assert wanted.tier is not None
    if fits(situation, wanted.tier):
        return Decision(action=wanted.action, tier=wanted.tier, reason=wanted.reason, options=options)
    cost = usd(situation.expected_cost.get(wanted.tier))
    left = usd(situation.budget_usd)
    short = usd(too_little(situation, wanted.tier))
    reason = (
        f"stop: {wanted.tier} is expected to cost {cost} and {left} is left for this task: {short} too little"
    )
    tier = situation.attempts[-1].tier if situation.attempts else None
    return Decision(action="stop", tier=tier, reason=reason, options=options, exhausted=True)
