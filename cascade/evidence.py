"""What an attempt leaves behind for the next decision: figures by name, the same at run time and from a log.

| figure | what |
| --- | --- |
| `latency_s`, `input_tokens`, `output_tokens`, `cost_usd`, `tries` | what it took; `tries`: requests sent |
| `cut_off` | 1: the answer ended at the limit of output tokens |
| `diagnostics`, `errors`, `warnings`, `distinct_codes` | how much was found, and of how many kinds |
| `failed_NAME` | 1: this validator failed |
| `same_answer` | 1: word for word the answer before |
| `diagnostics_changed` | share of findings that only one of this verdict and the one before has |
| `judged_p`, `judged_p:TIER` | a judge's P(right) where its word counts, and its P of another tier's first attempt |

A zero is information; what is not known is missing, or NaN in a table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from cascade.types import Attempt, Verdict

FAILED = "failed_"
JUDGED = "judged_p"
_CHECKED = "diagnostics"
_KNOWN = frozenset(
    {
        "latency_s", "input_tokens", "output_tokens", "cost_usd", "tries", "cut_off", _CHECKED, "errors",
        "warnings", "distinct_codes", "same_answer", "diagnostics_changed",
    }
)  # fmt: skip


def evidence_of(attempts: Sequence[Attempt], *, answers_known: bool = True) -> list[dict[str, float]]:
    """The figures of each attempt, oldest first, none for a call that failed.

    answers_known: whether `output` tells two answers apart (a log under `content: none` has no texts).
    """
    found: list[dict[str, float]] = []
    before: Attempt | None = None
    for attempt in attempts:
        if attempt.error is not None:
            found.append({})
            continue
        told = {**dict(_spent(attempt)), **dict(_findings(attempt.verdict)), **dict(_judged(attempt))}
        if before is not None:
            told |= dict(_changes(before, attempt, answers_known=answers_known))
        found.append(told)
        before = attempt
    return found


def figure(figures: Mapping[str, float], name: str) -> float:
    """A figure by name, NaN where it is not known; a check that did not fail a checked answer is a 0."""
    absent = 0.0 if name.startswith(FAILED) and _CHECKED in figures else math.nan
    return figures.get(name, absent)


def known_at_run_time(name: str) -> bool:
    """Whether a run knows this figure, as opposed to a log with columns of its own."""
    return name in _KNOWN or name.startswith((FAILED, JUDGED))


def _spent(attempt: Attempt) -> Iterator[tuple[str, float]]:
    if attempt.latency_s > 0:
        yield "latency_s", attempt.latency_s
    if attempt.usage.input or attempt.usage.output:
        yield "input_tokens", float(attempt.usage.input)
        yield "output_tokens", float(attempt.usage.output)
    if attempt.cost_usd is not None:
        yield "cost_usd", float(attempt.cost_usd)
    yield "tries", float(attempt.tries)
    if attempt.finish_reason is not None:
        yield "cut_off", float(attempt.finish_reason == "length")


def _findings(verdict: Verdict | None) -> Iterator[tuple[str, float]]:
    if verdict is None:
        return
    findings = verdict.diagnostics
    yield _CHECKED, float(len(findings))
    yield "errors", float(sum(one.severity == "error" for one in findings))
    yield "warnings", float(sum(one.severity == "warning" for one in findings))
    yield "distinct_codes", float(len({one.code for one in findings}))
    for report in verdict.reports:
        if report.status == "failed":
            yield f"{FAILED}{report.name}", 1.0


def _judged(attempt: Attempt) -> Iterator[tuple[str, float]]:
    if attempt.judged is not None and attempt.judged_p is not None:
        yield JUDGED, attempt.judged_p
        for tier, p in attempt.judged.others.items():
            yield f"{JUDGED}:{tier}", p


def _changes(before: Attempt, now: Attempt, *, answers_known: bool) -> Iterator[tuple[str, float]]:
    if answers_known and before.output and now.output:
        yield "same_answer", float(before.output == now.output)
    if before.verdict is not None and now.verdict is not None:
        yield "diagnostics_changed", _changed(before.verdict, now.verdict)


def _changed(before: Verdict, now: Verdict) -> float:
    """1 less the share of findings (by path, code and message) that both verdicts have; 0: the same."""
    sets = [{(one.path, one.code, one.message) for one in verdict.diagnostics} for verdict in (before, now)]
    union = sets[0] | sets[1]
    return 1.0 - len(sets[0] & sets[1]) / len(union) if union else 0.0
