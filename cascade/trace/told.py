"""Tasks and attempts as a trace tells them: the events of one task back to the domain's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from cascade.codec import from_json
from cascade.evidence import evidence_of
from cascade.trace.events import (
    AttemptFinished,
    Content,
    Event,
    ShadowDrawn,
    TaskStarted,
    ValidationFinished,
)
from cascade.types import Attempt, Judged, Report, Task, Usage, Verdict


@dataclass(slots=True)
class Told:
    """The answered attempts of one task, by number, with their verdicts. `texts`: whether answers are told apart.

    `shadows`: numbers of those that were made after its end; `drawn`: whether it was to have any, if that was drawn.
    """

    attempts: dict[int, Attempt] = field(default_factory=dict)
    texts: bool = True
    shadows: set[int] = field(default_factory=set)
    drawn: ShadowDrawn | None = None

    @property
    def sampled(self) -> bool:
        """Whether the task is of the random sample on which all of a shadow's tiers are to be known."""
        return self.drawn is not None and self.drawn.sampled

    def hear(self, event: Event) -> None:
        """Take in an event of the task; those of other kinds change nothing."""
        if isinstance(event, AttemptFinished):
            self.attempts[event.attempt] = attempt_of(event)
            if event.shadow:
                self.shadows.add(event.attempt)
            self.texts = self.texts and event.output is not None and event.output.sha256 is not None
        elif isinstance(event, ValidationFinished) and event.attempt in self.attempts:
            attempt = self.attempts[event.attempt]
            told = None if event.judged is None else from_json(Judged, event.judged.model_dump())
            verdict = verdict_of(event, attempt.verdict)
            self.attempts[event.attempt] = replace(attempt, verdict=verdict, judged=told)
        elif isinstance(event, ShadowDrawn):
            self.drawn = event

    def evidence(self) -> dict[int, dict[str, float]]:
        """What each attempt left behind, by its number (`cascade.evidence`); nothing comes before a shadow."""
        own = [number for number in sorted(self.attempts) if number not in self.shadows]
        figures: dict[int, dict[str, float]] = {}
        for numbers in (own, *([number] for number in sorted(self.shadows))):
            made = [self.attempts[number] for number in numbers]
            figures |= zip(numbers, evidence_of(made, answers_known=self.texts), strict=True)
        return figures


def told(events: Iterable[Event]) -> dict[tuple[str, str], Told]:
    """All tasks of a trace by run and id."""
    found: dict[tuple[str, str], Told] = {}
    for event in events:
        if event.task_id is not None:
            found.setdefault((event.run_id, event.task_id), Told()).hear(event)
    return found


def task_of(event: TaskStarted) -> Task:
    """The task as far as the content rule kept it: texts that it did not keep are empty."""
    return Task(
        id=event.task_id or "task",
        prompt=event.prompt.text or "",
        files=_texts(event.files),
        tests=_texts(event.tests),
        target=event.target,
        metadata=event.metadata if isinstance(event.metadata, Mapping) else {},
    )


def attempt_of(event: AttemptFinished) -> Attempt:
    """The attempt without its verdict. Under `content: hash` its output is the hash, under `none` empty."""
    said = event.output
    return Attempt(
        number=event.attempt,
        tier=event.tier,
        tier_attempt=event.tier_attempt,
        after=event.after,
        history=event.history,
        model=event.model,
        output=_identity(said),
        usage=from_json(Usage, event.usage.model_dump()),
        cost_usd=event.cost_usd,
        latency_s=event.latency_s,
        finish_reason=event.finish_reason,
        tries=event.tries,
    )


def verdict_of(event: ValidationFinished, before: Verdict | None = None) -> Verdict:
    """The verdict with its reports, those of an earlier validate node kept; why one skipped is not kept."""
    new = [from_json(Report, record.model_dump()) for record in event.validators]
    kept = before.reports if before is not None else ()
    reports = {report.name: report for report in (*kept, *new)}
    skipped = dict(before.skipped if before is not None else {}) | dict.fromkeys(
        event.skipped, "nothing to check"
    )
    return Verdict(status=event.verdict, reports=tuple(reports.values()), skipped=skipped)


def _identity(said: Content | None) -> str:
    if said is None or not said.chars:
        return ""
    return said.text if said.text is not None else said.sha256 or ""


def _texts(contents: Mapping[str, Content]) -> dict[str, str]:
    return {path: content.text or "" for path, content in contents.items()}
