"""What a log of escalations cannot tell: whether a dear tier passes what a cheap one passed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cascade.replay.table import OutcomeTable

ASSUMED_PASS = 0.9
"""P(a dearer tier passes what a cheaper one did), where the log cannot tell."""


def assumption(dear: str, cheap: str) -> str:
    """What is assumed of a tier that was tried only where a cheaper one had failed, in words."""
    return (
        f"{dear} was tried only where {cheap} failed: what that passed is assumed to pass at {ASSUMED_PASS:.0%} "
        "(runs with `explore` or `shadow` would tell)"
    )


def with_assumed(table: OutcomeTable) -> OutcomeTable:
    """The table with `ASSUMED_PASS` for first attempts at tiers that were tried only where a cheaper one failed.

    Only on tasks whose first attempt at the cheaper tier passed; their cost stays unknown. Without it nothing would
    tie such a tier to easy tasks, and its success on all tasks would look like that on the hard ones. Noted.
    """
    said = table.outcome if table.accepted is None else table.accepted
    outcome, notes = table.outcome.copy(), list(table.notes)
    for place, dear in enumerate(table.tiers):
        arm = table.first(dear)
        tried = np.isfinite(said[:, arm])
        for cheap in table.tiers[:place]:
            passed = said[:, table.first(cheap)] == 1
            if tried.any() and passed.any() and not (tried & passed).any():
                outcome[passed & np.isnan(outcome[:, arm]), arm] = ASSUMED_PASS
                notes.append(assumption(dear, cheap))
                break
    return replace(table, outcome=outcome, notes=tuple(notes))
