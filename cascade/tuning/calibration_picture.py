"""Predicted probabilities against what happened: one panel a tier, so that no curve hides another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cascade.errors import UsageError
from cascade.replay.intervals import Moments, interval
from cascade.replay.table import Floats
from cascade.tuning.canvas import GRID, INK, LINE, QUIET, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BINS = 10
_LEAST_IN_A_BIN = 8
_COLUMNS = 4
_STRIP = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """One tier's predictions: chances in [0, 1] and outcomes 0 to 1, (n,) each."""

    name: str
    chances: Floats
    outcomes: Floats

    def bins(self) -> list[tuple[Floats, Floats]]:
        """Tasks in order of their chances, in parts of one size; equal chances stay together."""
        order = np.argsort(self.chances, kind="stable")
        count = min(_BINS, max(len(order) // _LEAST_IN_A_BIN, 1))
        edges = np.unique(np.quantile(self.chances, np.linspace(0, 1, count + 1)[1:-1]))
        places = np.searchsorted(edges, self.chances[order], side="left")
        rows = [order[places == k] for k in np.unique(places)]
        return [(self.chances[row], self.outcomes[row]) for row in rows]


def calibration_picture(tiers: Sequence[Predicted], path: Path, *, title: str = "") -> None:
    """Points are tasks of like chances with the 95% interval of the share that passed; the diagonal is truth.

    The bars below are how many tasks have which chance. Raises UsageError where there is nothing to draw, and as
    `canvas`.
    """
    shown = [one for one in tiers if len(one.chances)]
    if not shown:
        raise UsageError("no tier has a prediction with an outcome: there is no curve to draw")
    columns = min(len(shown), _COLUMNS)
    rows = math.ceil(len(shown) / columns)
    with canvas(path, size=(max(2.9 * columns, 3.6), 3.2 * rows + 0.3), panels=(rows, columns)) as panels:
        every = list(np.ravel(panels))
        for axes, one in zip(every, shown, strict=False):
            _panel(axes, one)
        for axes in every[len(shown) :]:
            axes.set_visible(False)
        for k, axes in enumerate(every[: len(shown)]):
            axes.set_ylabel("share that passed" if k % columns == 0 else "")
            axes.set_xlabel("predicted P(pass)" if k + columns >= len(shown) else "")
        if title:
            every[0].get_figure().suptitle(title, fontsize=9, color=INK, ha="left", x=0.02)


def _panel(axes: Axes, one: Predicted) -> None:
    axes.plot([0, 1], [0, 1], color=QUIET, lw=1, ls="--")
    counts, edges = np.histogram(one.chances, bins=20, range=(0, 1))
    heights = _STRIP * counts / max(int(counts.max()), 1)
    axes.bar(edges[:-1], heights, width=np.diff(edges), align="edge", color=GRID, edgecolor="white", lw=0.4)
    for chances, outcomes in one.bins():
        x, y = float(chances.mean()), float(outcomes.mean())
        low, high = interval(Moments.of(outcomes), share=True)
        around = [[max(y - low, 0)], [max(high - y, 0)]]
        axes.errorbar(x, y, yerr=around, fmt="o", color=LINE, ms=4, capsize=2, lw=1)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    off = float(one.chances.mean() - one.outcomes.mean())
    words = f"predicted {one.chances.mean():.0%}, passed {one.outcomes.mean():.0%} ({off:+.1%})"
    axes.set_title(f"{one.name}: {len(one.chances)} tasks\n{words}", fontsize=8, loc="left", color=INK)
