"""What the checks do with an answer: with what chance it ends the task, and with what chance it is right as well."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cascade.policy.steps import Verifier
from cascade.replay.table import Floats, OutcomeTable


@dataclass(frozen=True, slots=True, eq=False)
class Acceptance:
    """By task and arm, each (n, A).

    ends: P(the task ends with this answer): the checks accept it, or could not check it. right: P(it ends and
    is right); NaN where it may end and nobody knows whether it is right. outcome: P(right). errs: whether any
    verdict may be wrong; where none is, a rejected answer that is given back is never right.
    """

    ends: Floats
    right: Floats
    outcome: Floats
    errs: bool

    @property
    def known(self) -> np.ndarray:
        """Where it is known what an attempt would lead to."""
        return np.isfinite(self.ends) & np.isfinite(self.right)

    @property
    def stands(self) -> Floats:
        """P(right | rejected), for a rejected answer that is given back after all; NaN where not known."""
        if not self.errs:
            return np.zeros_like(self.ends)
        return right_if_rejected(self.ends, self.right, self.outcome)


def right_if_rejected(ends: Floats, right: Floats, outcome: Floats) -> Floats:
    """P(right | rejected) from P(ends), P(ends and right) and P(right), of any one shape."""
    left = 1 - ends
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(left > 0, np.clip((outcome - right) / left, 0, 1), 0.0)


def acceptance(table: OutcomeTable, verifier: Verifier | None = None) -> Acceptance:
    """What the checks do with every answer of a table: as logged where verdicts are, else as assumed.

    verifier: what is assumed of the checks where the table holds no verdicts apart from the truth (default:
    they never err). An answer that could not be checked ends the task, as in a run.
    """
    outcome = table.outcome
    if table.accepted is None:
        checks = verifier or Verifier()
        if checks.perfect:
            return Acceptance(outcome, outcome, outcome, errs=False)
        right = outcome * checks.accept
        return Acceptance(right + (1 - outcome) * (1 - checks.reject), right, outcome, errs=True)
    unchecked = np.isnan(table.accepted) & np.isfinite(outcome)
    ends = np.where(unchecked, 1.0, table.accepted)
    right = np.where(unchecked, outcome, np.where(ends == 0, 0.0, ends * outcome))
    if table.accepted_right is not None:
        right = np.where(np.isfinite(table.accepted_right), table.accepted_right, right)
    return Acceptance(ends, right, outcome, errs=True)
