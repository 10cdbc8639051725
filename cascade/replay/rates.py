"""How often checks err, learnt where verdict and truth are both logged, from sums that merge over parts of a log.

Shares carry exact intervals (Clopper and Pearson, 1934); where a task has several attempts, whose errors may go
together, with the effective number of answers that their spread by task allows (Korn and Graubard, Survey
Methodology 24, 1998). Where only some of the checked answers have a truth, the shares are those of a log in which
all had: P(right | accepted) and P(right | rejected), each from what is labelled, weighted by the share accepted.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np

from cascade.policy.steps import Verifier
from cascade.replay.table import Floats, OutcomeTable
from cascade.replay.verdicts import narrowed

PULL = 2.0
"""So many answers of checks that never err are added to what was seen."""
_EACH = 1 - 0.05 / 3
"""The confidence of each of three intervals that hold together with 95%."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of n answers with its interval; NaN, 0 to 1, where there are none."""

    share: float = math.nan
    low: float = 0.0
    high: float = 1.0
    n: float = 0.0

    @property
    def pulled(self) -> float:
        """The share as it is used: pulled towards 1 by two answers' worth, so that none at all is 1."""
        return 1.0 if self.n == 0 else (self.share * self.n + PULL) / (self.n + PULL)


@dataclass(frozen=True, slots=True)
class Counts:
    """Of some answers, how many were a hit: sums over tasks of hits, answers, their squares and product.

    tasks: those with any such answer. most: answers of one task.
    """

    tasks: int = 0
    hits: float = 0.0
    answers: float = 0.0
    hits_hits: float = 0.0
    hits_answers: float = 0.0
    answers_answers: float = 0.0
    most: float = 0.0

    @classmethod
    def of(cls, hits: Floats, answers: Floats) -> Counts:
        """From (n, A) matrices of weights."""
        h, a = hits.sum(axis=1), answers.sum(axis=1)
        tasks, most = int((a > 0).sum()), float(a.max(initial=0.0))
        return cls(tasks, float(h.sum()), float(a.sum()), float(h @ h), float(h @ a), float(a @ a), most)

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.tasks + other.tasks,
            self.hits + other.hits,
            self.answers + other.answers,
            self.hits_hits + other.hits_hits,
            self.hits_answers + other.hits_answers,
            self.answers_answers + other.answers_answers,
            max(self.most, other.most),
        )

    def rate(self, confidence: float = 0.95) -> Rate:
        """The share of hits."""
        if self.answers == 0:
            return Rate()
        share = self.hits / self.answers
        return Rate(share, *_exact(share, self._effective(share), confidence), self.answers)

    def _effective(self, share: float) -> float:
        """How many independent answers these are worth."""
        if self.most <= 1:
            return self.answers
        if self.tasks < 2 or share in (0.0, 1.0):
            return min(self.answers, float(self.tasks))
        around = self.hits_hits - 2 * share * self.hits_answers + share**2 * self.answers_answers
        spread = self.tasks / (self.tasks - 1) * around / self.answers**2
        return min(self.answers, share * (1 - share) / spread) if spread > 0 else self.answers


def _exact(share: float, n: float, confidence: float) -> tuple[float, float]:
    from scipy.stats import beta

    k, tail = share * n, (1 - confidence) / 2
    low = 0.0 if k <= 0 else float(beta.ppf(tail, k, n - k + 1))
    high = 1.0 if k >= n else float(beta.isf(tail, k + 1, n - k))
    return low, high


@dataclass(frozen=True, slots=True)
class Rates:
    """How often checks accept right answers and reject wrong ones. weighted: not every answer had a truth.

    unseen: what cannot be seen for want of labels: "rejections" (no rejected answer has a truth), "acceptances".
    """

    accepts_right: Rate
    rejects_wrong: Rate
    weighted: bool = False
    unseen: tuple[str, ...] = ()

    @property
    def verifier(self) -> Verifier:
        """What a policy believes of these checks."""
        return Verifier(self.accepts_right.pulled, self.rejects_wrong.pulled)


@dataclass(frozen=True, slots=True)
class ErrorSums:
    """Right answers accepted, wrong ones rejected; right ones among the accepted and the rejected; those that
    passed among all that were checked; how many of these have a truth.
    """

    right: Counts = field(default_factory=Counts)
    wrong: Counts = field(default_factory=Counts)
    accepted: Counts = field(default_factory=Counts)
    rejected: Counts = field(default_factory=Counts)
    passed: Counts = field(default_factory=Counts)
    told: float = 0.0

    @classmethod
    def of(cls, table: OutcomeTable, names: Collection[str] | None = None) -> ErrorSums:
        """The sums of a table's logged verdicts, or of some of its validators taken together."""
        if names is not None:
            table = narrowed(table, names)
        if table.accepted is None:
            return cls()
        checked = np.isfinite(table.accepted)
        if table.accepted_right is not None:
            checked &= np.isnan(table.accepted_right)
        told = checked & np.isfinite(table.outcome)
        right = np.where(told, table.outcome, 0.0)
        wrong = np.where(told, 1 - right, 0.0)
        passed = np.where(checked, table.accepted, 0.0)
        return cls(
            Counts.of(right * passed, right),
            Counts.of(wrong * (1 - passed), wrong),
            Counts.of(right * passed, np.where(told, passed, 0.0)),
            Counts.of(right * (1 - passed), np.where(told, 1 - passed, 0.0)),
            Counts.of(passed, checked.astype(np.float64)),
            float(told.sum()),
        )

    def __add__(self, other: ErrorSums) -> ErrorSums:
        return ErrorSums(
            self.right + other.right,
            self.wrong + other.wrong,
            self.accepted + other.accepted,
            self.rejected + other.rejected,
            self.passed + other.passed,
            self.told + other.told,
        )

    @property
    def rates(self) -> Rates | None:
        """None where no checked answer has a truth."""
        if not self.told:
            return None
        if self.told == self.passed.answers:
            return Rates(self.right.rate(), self.wrong.rate())
        return self._weighted()

    def _weighted(self) -> Rates:
        """From P(right | accepted), P(right | rejected) and the share accepted, whose intervals hold at once."""
        good, bad, yes = self.accepted.rate(_EACH), self.rejected.rate(_EACH), self.passed.rate(_EACH)
        a, r = good.share if good.n else 1.0, bad.share if bad.n else 0.0
        accepts = Rate(
            _kept(a, r, yes.share),
            _kept(good.low, bad.high, yes.low),
            _kept(good.high, bad.low, yes.high),
            self.right.answers,
        )
        rejects = Rate(
            _kept(1 - r, 1 - a, 1 - yes.share),
            _kept(1 - bad.high, 1 - good.low, 1 - yes.high),
            _kept(1 - bad.low, 1 - good.high, 1 - yes.low),
            self.wrong.answers,
        )
        unseen = [name for name, one in (("rejections", bad), ("acceptances", good)) if not one.n]
        return Rates(accepts, rejects, weighted=True, unseen=tuple(unseen))


def _kept(here: float, there: float, share: float) -> float:
    """Of what is found at rates `here` and `there` of two parts, how much lies in the first, a `share` of all."""
    kept, lost = here * share, there * (1 - share)
    return kept / (kept + lost) if kept + lost > 0 else 1.0


def learnt(table: OutcomeTable, names: Collection[str] | None = None) -> Rates | None:
    """The error rates of a table's checks, or of some validators; None where no verdict is known beside a truth."""
    return ErrorSums.of(table, names).rates


def believed(table: OutcomeTable) -> Verifier:
    """What a policy believes of a table's checks: what was learnt, else that they never err."""
    rates = learnt(table)
    return Verifier() if rates is None else rates.verifier


def expecting(table: OutcomeTable, before: OutcomeTable) -> OutcomeTable:
    """The table with verdicts on what was never tried and holds a model's expectation, at the rates learnt.

    before: the same table as it was logged.
    """
    if table.accepted is None:
        return table
    never = np.isfinite(table.outcome) & ~before.seen
    return _expected(table, never, believed(before))


def on_checks(table: OutcomeTable, names: Collection[str]) -> OutcomeTable:
    """The table as these validators alone would have checked it. Raises as `narrowed`."""
    found = narrowed(table, names)
    if table.accepted_right is None:
        return found
    return _expected(found, np.isfinite(table.accepted_right), believed(found))


def _expected(table: OutcomeTable, where: np.ndarray, checks: Verifier) -> OutcomeTable:
    assert table.accepted is not None, "there are verdicts to learn from"
    p = table.outcome
    accepted = np.where(where, p * checks.accept + (1 - p) * (1 - checks.reject), table.accepted)
    return replace(table, accepted=accepted, accepted_right=np.where(where, p * checks.accept, np.nan))
