"""extract and validate: files out of the answer, then the verdict on them."""

from __future__ import annotations

import time
from dataclasses import replace

from cascade.codec import from_json, to_json
from cascade.config.graph import ValidateNode
from cascade.edits.originals import Originals
from cascade.edits.outcome import patch_of
from cascade.events import Emit, Validated
from cascade.extraction import extract as extract_files
from cascade.models.early import StopRules
from cascade.nodes.early import finding
from cascade.nodes.services import Services
from cascade.nodes.state import State, Update, attempts_of, scope_of, task_of
from cascade.nodes.step import Here, Outcome
from cascade.trace.events import (
    ChangesRecord,
    DiagnosticRecord,
    JudgedRecord,
    ValidationFinished,
    ValidatorRecord,
)
from cascade.trace.ids import Scope
from cascade.types import Attempt, Candidate, Diagnostic, Report, Task, Verdict


async def extract(state: State, services: Services, emit: Emit, here: Here) -> Outcome:
    """Read the files out of the pending answer; what cannot be read is its verdict, to be fed back."""
    attempt, report = read_files(task_of(state), from_json(Attempt, state["pending"]), services.early_stop)
    if report is None:
        return Outcome("extracted", {"pending": to_json(attempt)})
    found = Verdict.of([report])
    judged = judged_by(services, task_of(state), replace(attempt, verdict=found))
    told = Judgement(task_of(state), scope_of(state, services.run).child(here.name), judged, found, 0.0)
    return Outcome("nothing", told.publish(services, emit))


def read_files(task: Task, pending: Attempt, rules: StopRules | None) -> tuple[Attempt, Report | None]:
    """The attempt with its files, and what was wrong with the answer's form. `rules`: why it may have been cut."""
    originals = Originals.of(task)
    found = extract_files(pending.output, task=task, originals=originals, tool_calls=pending.tool_calls)
    attempt = with_patch(
        replace(
            pending,
            files=found.candidate.files,
            deleted=found.candidate.deleted,
            modes=found.candidate.modes,
        ),
        originals,
    )
    report = finding(task, pending, rules) or found.report
    if report is None and pending.finish_reason == "length":
        report = _cut_off()
    return attempt, report


def with_patch(attempt: Attempt, originals: Originals) -> Attempt:
    """The attempt with what it does to the files, as a patch."""
    patch = patch_of(originals, attempt.files, attempt.deleted, modes=attempt.modes)
    return replace(attempt, patch=patch)


def _cut_off() -> Report:
    told = Diagnostic(
        code="extract.cut-off",
        message="The answer was cut off at the limit of output tokens. Write a shorter answer.",
    )
    return Report(name="extract", status="failed", diagnostics=(told,))


async def validate(state: State, services: Services, emit: Emit, here: Here) -> Outcome:
    """Run the node's checks on the last answer. Cancellation ends the tools.

    What an earlier validate node found of the same answer is kept: together they are one verdict.
    """
    pending = state.get("pending")
    attempt = attempts_of(state)[-1] if pending is None else from_json(Attempt, pending)
    clock = time.perf_counter()
    names = here.of(ValidateNode).validators
    verdict = await services.checks.check(narrowed(task_of(state), names), candidate_of(attempt))
    latency = time.perf_counter() - clock
    judged = judged_by(
        services, task_of(state), replace(attempt, verdict=_together(attempt.verdict, verdict))
    )
    scope = scope_of(state, services.run).child(here.name)
    told = Judgement(task_of(state), scope, judged, verdict, latency)
    return Outcome(verdict.status, told.publish(services, emit))


def judged_by(services: Services, task: Task, attempt: Attempt) -> Attempt:
    """The attempt with what the judge says of it, where there is one and it is asked."""
    return (
        attempt if services.judge is None else replace(attempt, judged=services.judge.judged(task, attempt))
    )


async def checked(
    task: Task, attempt: Attempt, services: Services, names: tuple[str, ...] | None
) -> tuple[Attempt, float]:
    """extract and validate in one: the attempt with its verdict, and the seconds that its checks took."""
    read, report = read_files(task, attempt, services.early_stop)
    clock = time.perf_counter()
    if report is not None:
        verdict = Verdict.of([report])
    else:
        verdict = await services.checks.check(narrowed(task, names), candidate_of(read))
    latency = time.perf_counter() - clock
    return judged_by(services, task, replace(read, verdict=verdict)), latency


def narrowed(task: Task, names: tuple[str, ...] | None) -> Task:
    """The task with a node's validators, those that the task itself leaves out left out."""
    if names is None:
        return task
    asked = names if task.validators is None else tuple(name for name in names if name in task.validators)
    return replace(task, validators=asked)


def candidate_of(attempt: Attempt) -> Candidate:
    """What an attempt proposes."""
    return Candidate(
        text=attempt.output,
        files=attempt.files,
        deleted=attempt.deleted,
        modes=attempt.modes,
        tool_calls=attempt.tool_calls,
    )


def _together(before: Verdict | None, new: Verdict) -> Verdict:
    if before is None:
        return new
    reports = {report.name: report for report in (*before.reports, *new.reports)}
    return Verdict.of(list(reports.values()), skipped={**before.skipped, **new.skipped})


class Judgement:
    """A verdict on an attempt, to be written down. `found` is what this node alone found."""

    def __init__(self, task: Task, scope: Scope, judged: Attempt, found: Verdict, latency_s: float) -> None:
        self._task = task
        self._scope = scope
        self._judged = judged
        self._found = found
        self._latency_s = latency_s

    def publish(self, services: Services, emit: Emit, *, shadow: bool = False) -> Update:
        """Write the event, tell the stream, and hand the attempt over as done."""
        attempt = self._judged
        assert attempt.verdict is not None, "it was judged"
        services.sink.emit(
            ValidationFinished(
                **self._scope.fields(),
                attempt=attempt.number,
                tier=attempt.tier,
                verdict=attempt.verdict.status,
                validators=tuple(validator_record(report) for report in self._found.reports),
                skipped=tuple(self._found.skipped),
                latency_s=self._latency_s,
                judged=None if attempt.judged is None else JudgedRecord(**to_json(attempt.judged)),
                shadow=shadow,
            )
        )
        emit(
            Validated(
                task_id=self._task.id,
                number=attempt.number,
                tier=attempt.tier,
                verdict=attempt.verdict,
                judged=attempt.judged,
            )
        )
        return {"attempts": [to_json(attempt)], "pending": None}


def validator_record(report: Report) -> ValidatorRecord:
    """A report as the trace keeps it."""
    return ValidatorRecord(
        name=report.name,
        status=report.status,
        latency_s=report.latency_s,
        diagnostics=tuple(DiagnosticRecord(**to_json(found)) for found in report.diagnostics),
        detail=report.detail,
        changes=None if report.changes is None else ChangesRecord(**to_json(report.changes)),
    )
