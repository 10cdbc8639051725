"""After a failure: how likely is each next step to pass, from what the attempts so far left behind.

Failures are correlated, so this is learned from logs, never multiplied together: tokens, seconds, dollars and other
figures of each attempt, the number, kind and change of its diagnostics, what it was shown. A step is named as the
caller likes (`pro`, `flash attempt 2 shown full of flash`); each has a column of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cascade.classifiers.artifact import NEXT_STEP, Artifact, load
from cascade.classifiers.explanation import Estimate
from cascade.classifiers.scoring import Scorer
from cascade.errors import InputError
from cascade.types import Attempt, Verdict


class NextStepClassifier:
    """P(a step passes | the figures of the attempts before it), with interval and reason.

    A figure that is missing counts as its mean in training. Raises InputError if the artefact is of another
    kind.
    """

    def __init__(self, artifact: Artifact) -> None:
        if artifact.kind != NEXT_STEP:
            raise InputError(f"{artifact.name}: is a {artifact.kind}, not a {NEXT_STEP}")
        self.artifact = artifact
        self._names = artifact.features.names
        self._scorer = Scorer(artifact, self._names)

    @classmethod
    def from_file(cls, path: str | Path) -> NextStepClassifier:
        """Load an artefact. Raises InputError if it cannot be read, or is none."""
        return cls(load(path, kind=NEXT_STEP))

    @property
    def version(self) -> str:
        """The artefact's version."""
        return self.artifact.version

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps it knows."""
        return tuple(weights.name for weights in self.artifact.tiers)

    def estimates(self, figures: Mapping[str, float]) -> dict[str, Estimate]:
        """For every known step; `figures` as `history_figures` gives them, or the log's own columns."""
        values = [
            log_size(figures[name]) if name in figures and not math.isnan(figures[name]) else centre
            for name, centre in zip(self._names, self.artifact.features.centre, strict=True)
        ]
        seen = self._scorer.see(values, {}, {})
        return {weights.name: self._scorer.estimate(weights, seen) for weights in self.artifact.tiers}


def log_size(value: float) -> float:
    """sign(x) · ln(1 + 1000·|x|): dollars, seconds and tokens on comparable scales, zero kept."""
    return math.copysign(math.log1p(1000.0 * abs(value)), value)


def history_figures(attempts: Sequence[Attempt]) -> dict[str, float]:
    """What the attempts left behind, by name: `TIER.N.FIGURE` for each, `last.…` for the change at the end."""
    found: dict[str, float] = {"attempts": float(len(attempts))}
    for attempt in attempts:
        place = f"{attempt.tier}.{attempt.tier_attempt}"
        found |= {f"{place}.{name}": value for name, value in _figures(attempt)}
    if attempts:
        found |= {f"last.{name}": value for name, value in _ending(attempts)}
    return found


def _figures(attempt: Attempt) -> Iterator[tuple[str, float]]:
    yield "output_tokens", float(attempt.usage.output)
    yield "input_tokens", float(attempt.usage.input)
    yield "latency_s", attempt.latency_s
    if attempt.cost_usd is not None:
        yield "cost_usd", float(attempt.cost_usd)
    if attempt.verdict is not None:
        findings = attempt.verdict.diagnostics
        yield "diagnostics", float(len(findings))
        yield "errors", float(sum(one.severity == "error" for one in findings))
        yield "distinct_codes", float(len({one.code for one in findings}))


def _ending(attempts: Sequence[Attempt]) -> Iterator[tuple[str, float]]:
    last = attempts[-1]
    yield f"shown_{last.history}", 1.0
    yield "cut_off", float(last.finish_reason == "length")
    for report in last.verdict.reports if last.verdict is not None else ():
        if report.status != "passed":
            yield f"{report.status}_{report.name}", 1.0
    if len(attempts) > 1:
        before = attempts[-2]
        yield "same_answer", float(last.output == before.output)
        yield "diagnostics_changed", _changed(before.verdict, last.verdict)


def _changed(before: Verdict | None, after: Verdict | None) -> float:
    """1 - the share of findings (by path, code and message) that both verdicts have; 0: the same."""
    sets = [
        {(one.path, one.code, one.message) for one in verdict.diagnostics} if verdict is not None else set()
        for verdict in (before, after)
    ]
    union = sets[0] | sets[1]
    return 1.0 - len(sets[0] & sets[1]) / len(union) if union else 0.0
