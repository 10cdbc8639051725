"""How often checks err, from sums that merge over parts of a log.

Shares carry exact intervals (Clopper and Pearson, 1934); where a task has several attempts, whose errors may go
together, with the effective number of answers that their spread by task allows (Korn and Graubard, Survey
Methodology 24, 1998). Where only some of the checked answers have a truth, the shares are those of a log in which
all had: P(right | accepted) and P(right | rejected), each from what is labelled, weighted by the share accepted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from cascade.policy.steps import Verifier
from cascade.replay.table import Bools, Floats

Weights: TypeAlias = Floats | Bools

_FEW_ARMS = 250

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
    def of(cls, hits: Weights, answers: Weights) -> Counts:
        """From (A, n) weights or marks."""
        if hits.dtype == bool and answers.dtype == bool and len(hits) < _FEW_ARMS:
            return cls._of_marks(hits, answers)
        h, a = hits.sum(axis=0, dtype=np.float64), answers.sum(axis=0, dtype=np.float64)
        tasks, most = int((a > 0).sum()), float(a.max(initial=0.0))
        return cls(tasks, float(h.sum()), float(a.sum()), float(h @ h), float(h @ a), float(a @ a), most)

    @classmethod
    def _of_marks(cls, hits: Weights, answers: Weights) -> Counts:
        """By how many tasks have so many hits among so many answers."""
        most = len(hits) + 1
        pairs = answers.sum(axis=0, dtype=np.uint16) * np.uint16(most) + hits.sum(axis=0, dtype=np.uint16)
        times = np.bincount(pairs, minlength=most * most).astype(np.float64)
        a, h = np.divmod(np.arange(len(times), dtype=np.float64), most)
        tasks, largest = int(times[a > 0].sum()), float(a[times > 0].max(initial=0.0))
        hh, ha, aa = (float(times @ square) for square in (h * h, h * a, a * a))
        return cls(tasks, float(times @ h), float(times @ a), hh, ha, aa, largest)

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


def wrong_of(right: Weights, told: Bools) -> Weights:
    """P(wrong), 0 where not told."""
    return np.not_equal(told, right) if right.dtype == bool else np.subtract(told, right)


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
    def of(cls, right: Weights, told: Bools, passed: Bools, failed: Bools) -> ErrorSums:
        """From (A, n): P(right), 0 where not told; and which answers passed and which failed."""
        checked = passed | failed
        right, told = right * checked, told & checked
        wrong = wrong_of(right, told)
        good = right * passed
        return cls(
            Counts.of(good, right),
            Counts.of(wrong * failed, wrong),
            Counts.of(good, told & passed),
            Counts.of(right * failed, told & failed),
            Counts.of(passed, checked),
            float(np.count_nonzero(told)),
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
