"""What a log says, in words, about the attempt after a failure: which retries, escalations and histories pay."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cascade.evidence import FAILED
from cascade.policy.steps import Step
from cascade.replay.intervals import Moments, interval
from cascade.replay.table import OutcomeTable
from cascade.tuning.flags import is_flag

_FEW = 10


@dataclass(frozen=True, slots=True)
class Lesson:
    """After `first` failed, `then` was right in a share `p` (with its 95% interval) of `n` tasks at `cost_usd`.

    unconditional: its share of right answers over all tasks, where the log has that. kind: the yes-or-no figure
    that the failure left behind (`failed_mypy`), where the lesson is about such failures only.
    """

    first: Step
    then: Step
    p: float
    ci: tuple[float, float]
    n: int
    cost_usd: float
    unconditional: float | None
    kind: str | None = None

    @property
    def per_success(self) -> float:
        """USD for one more solved task; infinite where none was."""
        return self.cost_usd / self.p if self.p > 0 else float("inf")

    def __str__(self) -> str:
        low, high = self.ci
        again = "retried" if self.then.tier == self.first.tier else "then"
        shown = "the task afresh" if self.then.after is None else f"{self.then.history} of the failure"
        usual = "" if self.unconditional is None else f", against {self.unconditional:.0%} on all tasks"
        price = "never" if self.p == 0 else f"${self.per_success:.4g} for one more solved task"
        return (
            f"after {self.first} failed{self._how}, {again} {self.then.tier} shown {shown}: right on {self.p:.0%} "
            f"({low:.0%} to {high:.0%}, n = {self.n}){usual}; {price}"
        )

    @property
    def _how(self) -> str:
        if self.kind is None:
            return ""
        return f" in {self.kind[len(FAILED) :]}" if self.kind.startswith(FAILED) else f" with {self.kind}"


def lessons(table: OutcomeTable, *, first: str | None = None) -> list[Lesson]:
    """Every attempt that can follow a tier's failed first one, cheapest extra success first.

    Where failures of some kind fared otherwise (their interval leaves the share of all failures out), a lesson of
    their own follows. first: the tier that failed (default: the cheapest).
    """
    tier = first or table.tiers[0]
    start = table.first(tier)
    failed = 1 - table.outcome[:, start]
    found = []
    for k, arm in enumerate(table.arms):
        follows = arm.attempt == (2 if arm.tier == tier else 1) and arm.after in (None, tier)
        if k == start or not follows:
            continue
        lesson = _lesson(table, (start, k), failed)
        if lesson is not None:
            found += [lesson, *_by_kind(table, (start, k), failed, lesson)]
    return sorted(found, key=lambda one: one.per_success)


def _by_kind(table: OutcomeTable, pair: tuple[int, int], failed: np.ndarray, usual: Lesson) -> list[Lesson]:
    found = []
    for name, values in table.figures.items():
        column = values[:, pair[0]]
        if not is_flag(name, column[np.isfinite(column) & (failed > 0)]):
            continue
        lesson = _lesson(table, pair, np.where(column == 1, failed, 0.0))
        if lesson is not None and lesson.n >= _FEW and not lesson.ci[0] <= usual.p <= lesson.ci[1]:
            found.append(replace(lesson, kind=name))
    return found


def _lesson(table: OutcomeTable, pair: tuple[int, int], failed: np.ndarray) -> Lesson | None:
    start, k = pair
    seen = np.isfinite(table.outcome[:, k]) & (failed > 0) & np.isfinite(table.cost[:, k])
    if not seen.any():
        return None
    weight, right = failed[seen], table.outcome[seen, k]
    p = float(weight @ right / weight.sum())
    whole = np.isfinite(table.outcome[:, k]).all()
    figures = Moments.of(right) if np.isin(weight, (0.0, 1.0)).all() else Moments.of(weight * (right - p) + p)
    return Lesson(
        first=table.arms[start],
        then=table.arms[k],
        p=p,
        ci=interval(figures, share=True),
        n=int(seen.sum()),
        cost_usd=float(weight @ table.cost[seen, k] / weight.sum()),
        unconditional=float(table.outcome[:, k].mean()) if whole else None,
    )


def verdict(lesson: Lesson, value_usd: float) -> str:
    """Whether the step pays where a solved task is worth `value_usd`."""
    return "pays" if lesson.p * value_usd > lesson.cost_usd else "does not pay"
