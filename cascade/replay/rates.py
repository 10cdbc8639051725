"""How often a table's checks err, and the table as other sets of its validators would have checked it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from cascade.policy.steps import Verifier
from cascade.replay.error_sums import Rates
from cascade.replay.marks import Marks
from cascade.replay.table import OutcomeTable
from cascade.replay.verdicts import narrowed


def learnt(table: OutcomeTable, names: Collection[str] | None = None) -> Rates | None:
    """The error rates of a table's checks, or of some validators; None where no verdict is known beside a truth."""
    return None if table.accepted is None else Marks.of(table).sums(names).rates


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
    if table.accepted_right is None or table.accepted is None or found.accepted is None:
        return found
    right = np.where(np.isfinite(table.accepted_right), found.accepted * found.outcome, np.nan)
    never = (table.accepted > 0) & (table.accepted < 1)
    return _expected(replace(found, accepted_right=right), never, believed(found))


def _expected(table: OutcomeTable, where: np.ndarray, checks: Verifier) -> OutcomeTable:
    assert table.accepted is not None, "there are verdicts to learn from"
    p = table.outcome
    accepted = np.where(where, p * checks.accept + (1 - p) * (1 - checks.reject), table.accepted)
    before = np.nan if table.accepted_right is None else table.accepted_right
    return replace(table, accepted=accepted, accepted_right=np.where(where, p * checks.accept, before))
