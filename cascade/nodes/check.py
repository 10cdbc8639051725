"""extract and validate: files out of the answer, then the verdict on them."""

from __future__ import annotations

import time
from dataclasses import replace

from cascade.codec import from_json, to_json
from cascade.events import Emit, Validated
from cascade.extraction import extract as extract_files
from cascade.nodes.services import Services
from cascade.nodes.state import State, Update, scope_of, task_of
from cascade.trace.events import DiagnosticRecord, ValidationFinished, ValidatorRecord
from cascade.types import Attempt, Candidate, Diagnostic, Report, Verdict


async def extract(state: State, services: Services, emit: Emit) -> Update:
    """Read the files out of the pending answer; what cannot be read is its verdict, to be fed back."""
    pending = from_json(Attempt, state["pending"])
    found = extract_files(pending.output, task=task_of(state), tool_calls=pending.tool_calls)
    attempt = replace(pending, files=found.candidate.files, deleted=found.candidate.deleted)
    report = found.report
    if report is None and pending.finish_reason == "length":
        report = _cut_off()
    if report is None:
        return {"pending": to_json(attempt)}
    return _judged(state, services, emit, attempt, Verdict.of([report]), 0.0)


def _cut_off() -> Report:
    told = Diagnostic(
        code="extract.cut-off",
        message="The answer was cut off at the limit of output tokens. Write a shorter answer.",
    )
    return Report(name="extract", status="failed", diagnostics=(told,))


async def validate(state: State, services: Services, emit: Emit) -> Update:
    """Run the checks on the pending answer. Cancellation ends the tools."""
    attempt = from_json(Attempt, state["pending"])
    candidate = Candidate(
        text=attempt.output, files=attempt.files, deleted=attempt.deleted, tool_calls=attempt.tool_calls
    )
    clock = time.perf_counter()
    verdict = await services.checks.check(task_of(state), candidate)
    return _judged(state, services, emit, attempt, verdict, time.perf_counter() - clock)


def _judged(
    state: State, services: Services, emit: Emit, attempt: Attempt, verdict: Verdict, latency_s: float
) -> Update:
    judged = replace(attempt, verdict=verdict)
    services.sink.emit(
        ValidationFinished(
            **scope_of(state, services.run).child("validate").fields(),
            attempt=attempt.number,
            tier=attempt.tier,
            verdict=verdict.status,
            validators=tuple(_record(report) for report in verdict.reports),
            latency_s=latency_s,
        )
    )
    emit(Validated(task_id=task_of(state).id, number=attempt.number, tier=attempt.tier, verdict=verdict))
    return {"attempts": [to_json(judged)], "pending": None}


def _record(report: Report) -> ValidatorRecord:
    return ValidatorRecord(
        name=report.name,
        status=report.status,
        latency_s=report.latency_s,
        diagnostics=tuple(DiagnosticRecord(**to_json(found)) for found in report.diagnostics),
        detail=report.detail,
    )
