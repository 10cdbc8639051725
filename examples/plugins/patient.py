"""A policy: as long as the number of diagnostics falls, stay. `policy: {use: patient, most: 6}`

A policy is a pure function of the situation; chance enters through `situation.draw`, so that decisions replay.
"""

from __future__ import annotations

from cascade.policy.base import Decision, Situation
from cascade.policy.settled import settled


class Patient:
    """Retries a tier while its answers get better, then escalates, then stops."""

    name = "patient"

    def __init__(self, *, most: int = 6) -> None:
        self._most = most

    def decide(self, situation: Situation) -> Decision:
        """With no attempts yet a `start`; after one `accept`, `retry`, `escalate` or `stop`."""
        attempts, tiers = situation.attempts, situation.tiers
        if not attempts:
            return Decision(action="start", tier=tiers[0], reason="start: cheapest first")
        last = attempts[-1]
        done = settled(
            situation, "stop"
        )  # what a passed or an unchecked verdict comes to, as in every policy
        if done is not None:
            return done
        if len(attempts) >= self._most:
            return Decision(action="stop", tier=None, reason=f"stop: {self._most} attempts were made")
        if last.error is None and self._better(situation):
            return Decision(action="retry", tier=last.tier, reason="retry: fewer diagnostics than before")
        place = tiers.index(last.tier) + 1
        if place == len(tiers):
            return Decision(action="stop", tier=None, reason="stop: the last tier does not get better")
        return Decision(
            action="escalate", tier=tiers[place], reason=f"escalate: {last.tier} does not get better"
        )

    def _better(self, situation: Situation) -> bool:
        counts = [
            len(attempt.verdict.diagnostics)
            for attempt in situation.attempts
            if attempt.tier == situation.attempts[-1].tier and attempt.verdict is not None
        ]
        return len(counts) == 1 or counts[-1] < counts[-2]
