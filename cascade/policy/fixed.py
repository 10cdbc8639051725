"""The fixed policy: the same steps for every task. The baseline that anything clever has to beat."""

from __future__ import annotations

from collections.abc import Sequence

from cascade.policy.base import Decision, Situation
from cascade.policy.settled import OnUnchecked, fits, settled, too_little, usd, what_happened


class FixedPolicy:
    """Tries the tiers of `order` one after another until one passes: `["pro"]` is always-pro.

    A tier named twice in a row is retried. on_unchecked: see `settled`.
    """

    name = "fixed"

    def __init__(self, order: Sequence[str], *, on_unchecked: OnUnchecked = "stop") -> None:
        if not order:
            raise ValueError("a fixed policy needs at least one tier")
        self.order = tuple(order)
        self.on_unchecked: OnUnchecked = on_unchecked

    def decide(self, situation: Situation) -> Decision:
        """See `Policy`."""
        done = settled(situation, self.on_unchecked)
        if done is not None:
            return done
        made = len(situation.attempts)
        last = situation.attempts[-1] if made else None
        happened = f"{what_happened(last)}; " if last is not None else ""
        shown = last.tier if last is not None else None
        if made >= len(self.order):
            return Decision(action="stop", tier=shown, reason=f"stop: {happened}the order is at its end")
        tier = self.order[made]
        if not fits(situation, tier):
            cost, left = usd(situation.expected_cost.get(tier)), usd(situation.budget_usd)
            short = usd(too_little(situation, tier))
            reason = f"stop: {tier} is expected to cost {cost} and {left} is left for this task: {short} too little"
            return Decision(action="stop", tier=shown, reason=reason, exhausted=True)
        if last is None:
            return Decision(action="start", tier=tier, reason=f"start: {tier} is first in the fixed order")
        reason = f"{happened}{tier} is next in the fixed order"
        if tier == last.tier:
            return Decision(action="retry", tier=tier, reason=f"retry: {reason}")
        return Decision(action="escalate", tier=tier, reason=f"escalate: {reason}")
