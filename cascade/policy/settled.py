"""What every policy does with a verdict that leaves nothing to weigh."""

from __future__ import annotations

from typing import Literal, TypeAlias

from cascade.policy.base import Decision, Situation
from cascade.policy.judge import doubted
from cascade.types import Attempt

OnUnchecked: TypeAlias = Literal["stop", "accept"]


def settled(situation: Situation, on_unchecked: OnUnchecked, *, weighs: bool = False) -> Decision | None:
    """The decision that the last verdict alone settles, or None where the policy has to choose.

    A passed verdict is accepted. An unchecked one never escalates: where no validator applied there was
    nothing to check and the answer is accepted; where one could not check, a dearer model would not be
    checked any better, so the answer is given back as it is (`accept` only if the config says so).

    Where a judge was asked of an answer that nothing failed, its P has to reach what it accepts; below that the
    policy chooses as after a failure. A policy that `weighs` P itself gets to choose in either case.
    """
    if not situation.attempts:
        return None
    last = situation.attempts[-1]
    if last.error is not None or last.verdict is None or last.verdict.status == "failed":
        return None
    if last.judged_p is not None and (weighs or doubted(last)):
        return None
    told = "" if last.judged is None else f", judged {last.judged.p:.2f} likely right"
    if last.verdict.status == "passed":
        reason = f"accept: {last.tier} passed every check{told}"
        return Decision(action="accept", tier=last.tier, reason=reason)
    if not last.verdict.reports:
        return Decision(action="accept", tier=last.tier, reason=f"accept: nothing to check{told}")
    names = ", ".join(report.name for report in last.verdict.reports if report.status == "unchecked")
    return Decision(action=on_unchecked, tier=last.tier, reason=f"{on_unchecked}: {names} could not check")


def what_happened(last: Attempt) -> str:
    """The last attempt in a few words, for a reason."""
    count = "first" if last.tier_attempt == 1 else f"{last.tier_attempt}."
    if last.error is not None:
        return f"{last.tier} could not be called ({last.error})"
    if last.judged is not None and doubted(last):
        least = last.judged.accept
        return (
            f"{last.tier}'s {count} answer is judged {last.judged.p:.2f} likely right, less than {least:.2f}"
        )
    found = len(last.verdict.diagnostics) if last.verdict is not None else 0
    return f"{last.tier}'s {count} attempt failed ({found} diagnostic{'' if found == 1 else 's'})"


def fits(situation: Situation, tier: str) -> bool:
    """Whether one more attempt at the tier is expected to fit what is left for the task."""
    cost = situation.expected_cost.get(tier)
    return situation.budget_usd is None or cost is None or cost <= situation.budget_usd


def too_little(situation: Situation, tier: str) -> float | None:
    """By how many USD the next attempt at the tier is expected to pass what is left; None where it is not known."""
    cost = situation.expected_cost.get(tier)
    return None if cost is None or situation.budget_usd is None else cost - situation.budget_usd


def usd(amount: float | None) -> str:
    """An amount for a reason: two significant figures, at least cents, never in powers of ten."""
    if amount is None:
        return "unknown cost"
    if amount == 0:
        return "$0"
    digits = 2
    while digits < 8 and abs(amount) < 10 ** (1 - digits):
        digits += 1
    return f"${amount:.{digits}f}"
