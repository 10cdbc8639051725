"""`python -m benchmarks.verifiers RECORDINGS_DIR`: accept rate on right answers, reject rate on mutants.

RECORDINGS_DIR holds `tasks.jsonl.gz` and recordings (see docs/validators.md). Every answer is checked by the four
default validators in the sandbox, once with all of its task's tests and once with the docstring's examples alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.verifiers.corpus import Right, right_answers
from benchmarks.verifiers.mutants import MUTATORS, mutants
from cascade.types import Candidate, Task, Verdict
from cascade.validators.catalog import DEFAULT, Spec, build
from cascade.validators.sandbox import open_sandbox
from cascade.validators.suite import Suite

RIGHT = "right"
ALL = "all four"
COLUMNS = (*DEFAULT, ALL)
TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What each validator said of one answer under one set of tests."""

    task_id: str
    kind: str
    tests: str
    rejected: Mapping[str, bool]
    unchecked: tuple[str, ...]


def interval(hits: int, count: int) -> tuple[float, float]:
    """Wilson's score interval at 95% (Wilson 1927, J. Am. Stat. Assoc. 22)."""
    if not count:
        return (0.0, 1.0)
    z, share = 1.959964, hits / count
    centre = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    below = 1 + z * z / count
    return ((centre - spread) / below, (centre + spread) / below)


async def outcomes(answers: list[Right], concurrency: int) -> list[Outcome]:
    """Check every right answer and every mutant of it, with both sets of tests."""
    sandbox = open_sandbox()
    specs: list[Spec] = ["syntax", "ruff", "mypy", {"use": "pytest", "timeout_s": TIMEOUT_S}]
    suite = Suite(build(specs, sandbox=sandbox), stop_early=False, concurrency=concurrency)
    gate = asyncio.Semaphore(2 * concurrency)

    async def one(answer: Right, kind: str, text: str, which: str) -> Outcome:
        tests = answer.full if which == "full" else answer.examples
        task = Task(prompt="", id=answer.task_id, target="solution.py", tests=tests)
        async with gate:
            verdict = await suite.check(task, Candidate(text="", files={"solution.py": text}))
        return _outcome(answer.task_id, kind, which, verdict)

    jobs = []
    for answer in answers:
        texts = {RIGHT: answer.text, **mutants(answer.text, answer.entry_point, answer.task_id)}
        sets = ["full", *(["examples"] if answer.examples else [])]
        jobs += [one(answer, kind, text, which) for kind, text in texts.items() for which in sets]
    try:
        return await asyncio.gather(*jobs)
    finally:
        await suite.aclose()
        await sandbox.aclose()


def _outcome(task_id: str, kind: str, which: str, verdict: Verdict) -> Outcome:
    rejected = {report.name: report.status == "failed" for report in verdict.reports}
    unchecked = tuple(report.name for report in verdict.reports if report.status == "unchecked")
    return Outcome(task_id, kind, which, {**rejected, ALL: verdict.status == "failed"}, unchecked)


def table(found: list[Outcome], which: str) -> str:
    """A Markdown table for one set of tests: shares in percent, the last column with its interval."""
    by_kind: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in found:
        if outcome.tests == which:
            by_kind[outcome.kind].append(outcome)
    broken = [outcome for kind in MUTATORS for outcome in by_kind[kind]]
    rows = [f"| {'answers':<21} | n | {' | '.join(COLUMNS)} |", f"| --- |{' ---: |' * (len(COLUMNS) + 1)}"]
    rows.append(_row("**right: accepted**", by_kind[RIGHT], accepted=True))
    rows += [_row(kind, by_kind[kind]) for kind in MUTATORS if by_kind[kind]]
    rows.append(_row("**wrong: rejected**", broken))
    return "\n".join(rows)


def _row(name: str, group: list[Outcome], *, accepted: bool = False) -> str:
    cells = []
    for column in COLUMNS:
        hits = sum(outcome.rejected.get(column, False) != accepted for outcome in group)
        share = f"{100 * hits / len(group):.1f}" if group else "-"
        if column == ALL:
            low, high = interval(hits, len(group))
            share += f" ({100 * low:.1f} to {100 * high:.1f})"
        cells.append(share)
    return f"| {name:<21} | {len(group)} | {' | '.join(cells)} |"


def main() -> None:
    """Run, print two tables, and write what was found to a file if asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verifiers", description=__doc__)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--tasks", type=int, default=None, help="only the first N right answers")
    parser.add_argument("--per-task", type=int, default=1)
    parser.add_argument("--concurrency", type=int, default=2)
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    answers = right_answers(options.recordings, per_task=options.per_task)[: options.tasks]
    started = time.monotonic()
    found = asyncio.run(outcomes(answers, options.concurrency))
    print(f"{len(answers)} right answers, {len(found)} verdicts in {time.monotonic() - started:.0f} s")
    for which, title in (
        ("full", "All of the tests"),
        ("examples", "Only the docstring's examples as tests"),
    ):
        print(f"\n{title} (percent)\n\n{table(found, which)}")
    odd = [outcome for outcome in found if outcome.unchecked]
    print(f"\nunchecked: {len(odd)}")
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(outcome) for outcome in found]))


if __name__ == "__main__":
    main()
