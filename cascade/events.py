"""What `Cascade.stream` yields: one frozen value for each thing that happens to a task.

They carry full content, whatever the trace's content rule says; `cascade.trace` has the records for files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from cascade.policy.base import Decision
from cascade.types import Attempt, JsonObject, Judged, Result, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """The classifier has estimated P(pass) by tier, and the policy has chosen where to start."""

    task_id: str
    probabilities: Mapping[str, float]
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """A model is being called with `messages`. `number` counts the task's attempts from 1."""

    task_id: str
    number: int
    tier: str
    messages: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """The next part of an answer's text.

    `restarted`: what came before is void, for the stream broke and is tried again. `was_thought`: it is void because
    it was a thought without an opening tag; `text` is the answer.
    """

    task_id: str
    number: int
    tier: str
    text: str
    restarted: bool = False
    was_thought: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ThoughtDelta:
    """The next part of the thoughts that come before an answer's text."""

    task_id: str
    number: int
    tier: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded:
    """The call is over: an answer, or `attempt.error`. It has no verdict yet."""

    task_id: str
    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """The answer has been checked, and judged where there is a judge."""

    task_id: str
    number: int
    tier: str
    verdict: Verdict
    judged: Judged | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The policy has chosen the next step."""

    task_id: str
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The task has ended."""

    task_id: str
    result: Result


Event: TypeAlias = (
    Routed | AttemptStarted | ThoughtDelta | Delta | AttemptEnded | Validated | Decided | Finished
)
Emit: TypeAlias = Callable[[Event], None]
