"""Tests that the answer itself wrote: what they say is shown, and may count."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypeAlias

from cascade.types import Candidate, Diagnostic, Report
from cascade.validators.paths import is_test

AnswerTests: TypeAlias = Literal["fail", "warn", "ignore"]


def own_tests(candidate: Candidate) -> tuple[str, ...]:
    """The test files that an answer writes."""
    return tuple(path for path in candidate.files if is_test(path))


def with_own(report: Report, own: Report, *, alone: bool, wanted: AnswerTests) -> Report:
    """The report with what the answer's own tests say.

    `alone`: the answer is nothing but tests, or they were asked for: then they are the answer, and one that fails
    fails it.
    """
    said = f"the answer's own tests: {own.detail or own.status}"
    detail = f"{report.detail}; {said}" if report.detail else said
    if own.status == "passed":
        return replace(report, detail=detail)
    counts = own.status == "failed" and (alone or wanted == "fail")
    diagnostics = tuple(_weighed(found, counts=counts) for found in own.diagnostics)
    status = "failed" if counts else report.status
    return replace(report, status=status, diagnostics=(*report.diagnostics, *diagnostics), detail=detail)


def _weighed(found: Diagnostic, *, counts: bool) -> Diagnostic:
    return replace(
        found,
        severity="error" if counts else "warning",
        message=f"the answer's own test: {found.message}",
    )
