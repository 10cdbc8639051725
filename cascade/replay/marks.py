"""Verdicts and truth of a table as marks, from which the sums of any set of its validators are quickly taken."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cascade.replay.error_sums import ErrorSums, Weights, wrong_of
from cascade.replay.table import Bools, Floats, OutcomeTable


@dataclass(frozen=True, slots=True)
class Marginal:
    """What a validator adds to the others: of the right answers that they let pass it rejects some, of the wrong
    ones it catches some.
    """

    right: float = 0.0
    rejected: float = 0.0
    wrong: float = 0.0
    caught: float = 0.0

    def __add__(self, other: Marginal) -> Marginal:
        return Marginal(
            self.right + other.right,
            self.rejected + other.rejected,
            self.wrong + other.wrong,
            self.caught + other.caught,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """By arm and task, each (A, n). right: P(right), 0 where not told, marks if all are 0 or 1. passed, failed: all
    checks together, as logged. failures, blanks: by validator, where it failed and where it has no verdict.
    """

    right: Weights
    told: Bools
    passed: Bools
    failed: Bools
    failures: Mapping[str, Bools]
    blanks: Mapping[str, Bools]

    @classmethod
    def of(cls, table: OutcomeTable) -> Marks:
        """Of a table with verdicts beside its outcomes. An outcome that is an expectation is not told, and a
        verdict that is one (a share between 0 and 1) neither passed nor failed."""
        assert table.accepted is not None, "there are verdicts"
        told = np.isfinite(table.outcome)
        if table.accepted_right is not None:
            told &= np.isnan(table.accepted_right)
        right = np.where(told, table.outcome, 0.0)
        binary = bool(((right == 0) | (right == 1)).all())
        return cls(
            right=_turned(right == 1) if binary else np.ascontiguousarray(right.T),
            told=_turned(told),
            passed=_turned(table.accepted == 1),
            failed=_turned(table.accepted == 0),
            failures={name: _turned(values == 0) for name, values in table.verdicts.items()},
            blanks={name: _turned(np.isnan(values)) for name, values in table.verdicts.items()},
        )

    def arms(self, keep: Sequence[int]) -> Marks:
        """Of some arms only, all checks together."""
        rows = list(keep)
        return replace(
            self,
            right=self.right[rows],
            told=self.told[rows],
            passed=self.passed[rows],
            failed=self.failed[rows],
            failures={},
            blanks={},
        )

    def sums(self, names: Collection[str] | None = None) -> ErrorSums:
        """Of all checks together, or of some validators taken together."""
        if names is None:
            return ErrorSums.of(self.right, self.told, self.passed, self.failed)
        failed, blank, silent = self._said(names)
        unsaid = blank & ~failed & self.failed
        return ErrorSums.of(self.right, self.told, ~failed & ~silent & ~unsaid, failed)

    def unsaid(self, names: Collection[str]) -> int:
        """Of how many answers it is open what a set would have said."""
        failed, blank, _ = self._said(names)
        return int(np.count_nonzero(blank & ~failed & self.failed))

    def marginal(self, name: str) -> Marginal:
        """What a validator adds to the others."""
        failed, blank, _ = self._said([other for other in self.failures if other != name])
        known = ~failed & ~(blank & self.failed) & ~self.blanks[name] & self.told
        right: Weights = self.right * known
        wrong = wrong_of(right, known)
        caught = self.failures[name]
        return Marginal(*(float(part.sum()) for part in (right, right * caught, wrong, wrong * caught)))

    def _said(self, names: Collection[str]) -> tuple[Bools, Bools, Bools]:
        """Where any of a set failed, any has no verdict, none has."""
        failed, blank = np.zeros((2, *self.told.shape), dtype=bool)
        silent = np.ones(self.told.shape, dtype=bool)
        for name in names:
            failed |= self.failures[name]
            blank |= self.blanks[name]
            silent &= self.blanks[name]
        return failed, blank, silent


def _turned(marks: Bools | Floats) -> Bools:
    turned: Bools = np.ascontiguousarray(marks.T)
    return turned
