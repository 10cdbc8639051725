"""One package's changes under `cascade`'s verdict and under plain pytest, side by side."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from benchmarks.repositories.changes import Change, breaking, harmless
from benchmarks.repositories.environment import Checkout, fingerprint
from benchmarks.repositories.plain import Plain, run_plain
from cascade.types import Candidate, Task, Verdict
from cascade.validators.baseline.values import Baseline
from cascade.validators.catalog import build
from cascade.validators.project import Project
from cascade.validators.sandbox import Sandbox
from cascade.validators.suite import Suite

Kind: TypeAlias = Literal["broken", "harmless"]
TRIES = 40
# Files that hold no code of the package.
NOT_CODE = ("test", "doc", "example", "setup.py", "conftest", "build", "bench", "noxfile", "env")


@dataclass(frozen=True, slots=True)
class Case:
    """One change: what it is, what plain pytest says, what the verdict is, seconds of both."""

    kind: Kind
    change: Change
    plain_accepts: bool
    plain_s: float
    verdict: Verdict
    verdict_s: float
    """Seconds of a warm verdict by all checks."""
    is_tree_unchanged: bool
    """Whether the checks left content and time stamps of the user's tree as they were."""

    @property
    def tests_s(self) -> float:
        """Seconds of the verdict without the checks that come before the tests."""
        before = [report.latency_s for report in self.verdict.reports if report.name in ("ruff", "mypy")]
        syntax = [report.latency_s for report in self.verdict.reports if report.name == "syntax"]
        return self.verdict_s - max(before, default=0.0) - sum(syntax)

    @property
    def agrees(self) -> bool:
        """Whether the verdict is plain pytest's."""
        return self.verdict.status == ("passed" if self.plain_accepts else "failed")

    @property
    def is_right(self) -> bool:
        """Whether a harmless change is accepted, or a broken one rejected."""
        return self.verdict.status == ("passed" if self.kind == "harmless" else "failed")


@dataclass(frozen=True, slots=True)
class Outcome:
    """All of a package."""

    checkout: Checkout
    plain: Plain
    baseline: Baseline
    baseline_s: float
    cases: tuple[Case, ...]

    @property
    def is_tree_unchanged(self) -> bool:
        """Whether all checks left it as it was."""
        return all(case.is_tree_unchanged for case in self.cases)


def examine(checkout: Checkout, sandbox: Sandbox, *, seed: int, counts: dict[Kind, int]) -> Outcome:
    """Find changes that plain pytest notices (and others that it accepts), then judge them."""
    run_plain(checkout)  # compiles what is compiled once
    plain = run_plain(checkout)
    found = {kind: _found(checkout, plain, kind, seed=seed, count=counts[kind]) for kind in counts}
    return asyncio.run(_judged(checkout, plain, found, sandbox))


def _found(
    checkout: Checkout, plain: Plain, kind: Kind, *, seed: int, count: int
) -> list[tuple[Change, bool]]:
    """The first changes of different functions on which plain pytest says what their kind says, as patches.

    They are kept beside the package: to find them takes many runs.
    """
    place = checkout.root.parent / f"{kind}-{seed}-{count}.json"
    if place.exists():
        return [(Change(**change), accepts) for change, accepts in json.loads(place.read_text())]
    kept: list[tuple[Change, bool]] = []
    seen: set[tuple[str, str]] = set()
    for tries, change in enumerate(_candidates(checkout, kind, seed)):
        if len(kept) == count or tries == TRIES:
            break
        if (change.path, change.function) in seen:
            continue
        accepts = plain.accepts(run_plain(checkout, change))
        if accepts == (kind == "harmless"):
            (place.parent / f"{kind}-{len(kept) + 1}.patch").write_text(change.patch)
            kept.append((change, accepts))
            seen.add((change.path, change.function))
    place.write_text(json.dumps([(asdict(change), accepts) for change, accepts in kept]))
    return kept


def _candidates(checkout: Checkout, kind: Kind, seed: int) -> Iterator[Change]:
    """One change of each file in turn, in an order that the seed decides."""
    rng = random.Random(f"{checkout.package.name} {kind} {seed}")
    make: Callable[[str, str, random.Random], Iterator[Change]] = breaking if kind == "broken" else harmless
    sources = [
        make(str(path.relative_to(checkout.root)), path.read_text(), rng) for path in _code(checkout.root)
    ]
    rng.shuffle(sources)
    while sources:
        for source in list(sources):
            change = next(source, None)
            if change is None:
                sources.remove(source)
            else:
                yield change


def _code(root: Path) -> list[Path]:
    return [
        path
        for path in sorted(root.rglob("*.py"))
        if not any(part.startswith((*NOT_CODE, ".", "_vendor")) for part in path.relative_to(root).parts)
    ]


async def _judged(
    checkout: Checkout, plain: Plain, found: dict[Kind, list[tuple[Change, bool]]], sandbox: Sandbox
) -> Outcome:
    task = Task(prompt="", id=checkout.package.name, workspace=str(checkout.root), show_tests=True)
    project = Project(python=str(checkout.python))
    suite = Suite(build(sandbox=sandbox), sandbox=sandbox, project=project)
    try:
        started = time.perf_counter()
        baseline = await suite.baseline(task)
        baseline_s = time.perf_counter() - started
        cases = [
            await _case(kind, change, accepts, task=task, suite=suite, checkout=checkout)
            for kind, pairs in found.items()
            for change, accepts in pairs
        ]
    finally:
        await suite.aclose()
    return Outcome(checkout, plain, baseline, baseline_s, tuple(cases))


async def _case(
    kind: Kind, change: Change, accepts: bool, *, task: Task, suite: Suite, checkout: Checkout
) -> Case:
    candidate = Candidate(text="", files={change.path: change.new})
    before = fingerprint(checkout.root)
    started = time.perf_counter()
    verdict = await suite.check(task, candidate)
    took = time.perf_counter() - started
    unchanged = fingerprint(checkout.root) == before
    beside = await asyncio.to_thread(run_plain, checkout, change)
    return Case(kind, change, accepts, beside.seconds, verdict, took, unchanged)
