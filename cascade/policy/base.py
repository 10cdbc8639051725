"""The seam of the decision: what a policy sees, and what it answers.

A policy is a pure function: chance enters through `Situation.draw`, so that a decision can be replayed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from cascade.evidence import evidence_of
from cascade.types import Attempt, History, Task

Action: TypeAlias = Literal["start", "accept", "retry", "escalate", "stop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known when the next step is chosen.

    tiers: names, cheapest first. probabilities: the classifier's P(first attempt passes) by tier.
    attempts: those made so far, oldest first. expected_cost: USD of one next attempt by tier, lost cache
    included (None: no price known).
    expected_latency_s: seconds of one attempt by tier. budget_usd: what is left for this task (None: no
    limit). draw: uniform in [0, 1), for exploration. evidence: what each attempt left behind, where a log tells it
    (None: read off the attempts).
    """

    task: Task
    tiers: tuple[str, ...]
    probabilities: Mapping[str, float]
    attempts: tuple[Attempt, ...] = ()
    expected_cost: Mapping[str, float | None] = field(default_factory=dict)
    expected_latency_s: Mapping[str, float] = field(default_factory=dict)
    budget_usd: float | None = None
    draw: float = 0.5
    evidence: tuple[Mapping[str, float], ...] | None = None

    @property
    def left_behind(self) -> Sequence[Mapping[str, float]]:
        """The figures that each attempt left behind, oldest first (`cascade.evidence`)."""
        return evidence_of(self.attempts) if self.evidence is None else self.evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One step that was weighed: its pass probability, expected cost and, if computed, value (both USD)."""

    action: Action
    tier: str | None
    p: float | None = None
    cost_usd: float | None = None
    value_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An action, why it was taken, what was weighed, and the probability with which it was taken.

    `history` overrides the configured one for the next attempt (None: as configured for that tier). With
    `stop`, `tier` names whose answer is the best there is, where the policy has a view of it; `exhausted`
    marks a stop for want of budget. `given` is the number of the attempt that is accepted (None: the last) or, with
    `stop`, of the one whose answer is the best there is (None: any of that tier).
    """

    action: Action
    tier: str | None
    reason: str
    options: tuple[Option, ...] = ()
    propensity: float = 1.0
    explored: bool = False
    history: History | None = None
    exhausted: bool = False
    given: int | None = None


class Policy(Protocol):
    """Chooses the next step. Found by entry point in the group `cascade.policies`."""

    @property
    def name(self) -> str:
        """A short stable name for the trace."""
        ...

    def decide(self, situation: Situation) -> Decision:
        """With no attempts yet: a `start` decision (or `stop`). After an attempt: any other action."""
        ...
