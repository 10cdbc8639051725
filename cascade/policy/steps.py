"""Steps that a policy may take next, and what is believed about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cascade.policy.base import Situation
from cascade.types import Attempt, History


@dataclass(frozen=True, slots=True)
class Step:
    """One more attempt: the tier, its how-manieth there, whose failure is shown and how (design 5.7, 5.9)."""

    tier: str
    attempt: int = 1
    after: str | None = None
    history: History = "none"

    def __str__(self) -> str:
        parts = [self.tier]
        if self.attempt > 1:
            parts.append(f"attempt {self.attempt}")
        if self.after is not None:
            parts.append(f"shown {self.history} of {self.after}")
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a step is expected to do, given everything seen so far.

    p: probability that its answer is right. cost_usd: expected USD (None: not known to the estimates).
    cost_ratio: expected cost over that of an unconditional attempt of this kind. evidence: how many tasks
    the estimate rests on, as a pseudo-count (for exploration).
    """

    p: float
    cost_usd: float | None = None
    cost_ratio: float = 1.0
    evidence: float = 10.0


@dataclass(frozen=True, slots=True)
class Verifier:
    """How often the checks accept a right answer and reject a wrong one; (1, 1) never errs."""

    accept: float = 1.0
    reject: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.accept <= 1 and 0 <= self.reject <= 1):
            raise ValueError("a verifier's accept and reject rates lie in [0, 1]")

    @property
    def perfect(self) -> bool:
        """Whether no verdict is ever wrong."""
        return self.accept == 1 and self.reject == 1

    def passes(self, p: float) -> float:
        """P(the verdict is `passed`) for an answer that is right with probability p."""
        return p * self.accept + (1 - p) * (1 - self.reject)

    def right_if_rejected(self, p: float) -> float:
        """P(right | rejected) for an answer that was right with probability p before the check."""
        rejected = 1 - self.passes(p)
        return p * (1 - self.accept) / rejected if rejected > 0 else 0.0


class Belief(Protocol):
    """What is believed about one task at one point of its history. Immutable."""

    def estimate(self, step: Step) -> Estimate:
        """What `step` would do if it were taken now."""
        ...

    def rejected(self, step: Step) -> Belief:
        """The belief after `step` was taken and its answer rejected, nothing else being known of it."""
        ...

    def stands(self, step: Step) -> float:
        """P(the answer of `step`, taken earlier and rejected, is right after all)."""
        ...


class Estimates(Protocol):
    """The source of beliefs: learnt from a log, or stated."""

    @property
    def version(self) -> str:
        """Changes whenever the estimates change."""
        ...

    def belief(self, situation: Situation, verifier: Verifier) -> Belief:
        """What is believed after the attempts that the situation holds."""
        ...

    def allows(self, step: Step, last: str | None = None) -> bool:
        """Whether the step may be taken at all on these estimates, after one at `last` (None: as the first)."""
        ...

    def histories(self, tier: str, attempt: int, after: str | None) -> Sequence[History]:
        """The ways of showing what failed that the estimates can tell apart here (empty: none)."""
        ...


def step_of(attempt: Attempt) -> Step:
    """The step that an attempt was."""
    return Step(attempt.tier, attempt.tier_attempt, attempt.after, attempt.history)
