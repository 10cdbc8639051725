"""The random sample of a log's tasks on which shadows tell what every tier comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cascade.replay.table import Bools
from cascade.trace.events import ShadowDrawn


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Sample:
    """Tasks that were drawn for shadows, whatever became of them: every task had the same chance, `rate`.

    rows: (n,), whether a task is of the sample. tiers: those whose first attempts on the task afresh are known on it,
    but for calls that failed. drawn: on how many tasks the lot was drawn.
    """

    rows: Bools
    tiers: tuple[str, ...]
    rate: float
    drawn: int


def sample_of(draws: Sequence[ShadowDrawn | None]) -> tuple[Sample | None, list[str]]:
    """The sample by each task's draw (None: there was none), and what is to be said of it.

    Where runs drew at different rates the tasks drawn below the lowest rate are kept: their numbers are logged, and
    uniform whatever the rate was.
    """
    made = [draw for draw in draws if draw is not None]
    if not made:
        return None, []
    rate = min(draw.propensity for draw in made)
    rows = np.array([draw is not None and draw.sampled and draw.draw < rate for draw in draws])
    tiers = tuple(tier for tier in made[0].tiers if all(tier in draw.tiers for draw in made))
    rates = sorted({draw.propensity for draw in made})
    notes = []
    if len(rates) > 1:
        shown = ", ".join(f"{one:.3g}" for one in rates)
        notes.append(f"shadows were drawn at different rates ({shown}): the sample is what the lowest draws")
    return Sample(rows=rows, tiers=tiers, rate=rate, drawn=len(made)), notes
