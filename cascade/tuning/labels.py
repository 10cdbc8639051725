"""Words beside points of a picture, placed so that none covers another, a point, or (if it can be helped) a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cascade.replay.table import Floats
from cascade.tuning.canvas import INK, QUIET

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 7
_DISTANCES = (6, 13, 24, 38, 56, 80, 110, 145)
_TURNS = 16
_LEADER_FROM = 13
_MARGIN = 4.0
_COVERED, _OUTSIDE, _CROSSED = 1e5, 1e4, 30.0
"""What a place costs, in pixels of distance: each label or point covered, the edge, each piece of a line crossed."""


class Label(NamedTuple):
    """A word at a point, in the axes' own coordinates; without a word, a point to keep free."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class _Box:
    """A rectangle in pixels, and the point on it that is nearest to the label's own."""

    x0: float
    y0: float
    x1: float
    y1: float
    shift: tuple[float, float]

    def overlaps(self, other: _Box) -> bool:
        return self.x0 < other.x1 and other.x0 < self.x1 and self.y0 < other.y1 and other.y0 < self.y1

    def holds(self, points: Floats, margin: float) -> int:
        """How many points (n, 2) lie in it."""
        low, high = np.array([self.x0, self.y0]) - margin, np.array([self.x1, self.y1]) + margin
        return int(((points > low) & (points < high)).all(axis=1).sum())


def place_labels(axes: Axes, labels: Sequence[Label], lines: Sequence[tuple[Sequence[float], ...]]) -> None:
    """Write labels, each at the free place that is nearest to its point, with a thin leader where that is not
    right beside it. The axes' layout is final from here on.

    lines: x and y of what is drawn as lines.
    """
    figure = axes.get_figure(root=True)
    if figure is None or not labels:
        return
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # what was measured stays where it is
    marks = np.asarray(axes.transData.transform([(one.x, one.y) for one in labels]))
    drawn = np.concatenate([np.empty((0, 2)), *(_along(axes, line) for line in lines)])
    taken: list[_Box] = []
    for one, mark in zip(labels, marks, strict=True):
        if one.text:
            size = _size(axes, one.text)
            best = min(
                _places(mark, size, figure.dpi / 72), key=lambda box: _cost(axes, box, (taken, marks, drawn))
            )
            taken.append(best)
            _write(axes, one, best)


def _size(axes: Axes, text: str) -> tuple[float, float]:
    """A word's width and height in pixels."""
    written = axes.text(0, 0, text, fontsize=_POINTS)
    box = written.get_window_extent()
    written.remove()
    return float(box.width), float(box.height)


def _places(mark: Floats, size: tuple[float, float], scale: float) -> Iterator[_Box]:
    """Boxes around a point, the nearest first. scale: pixels in a typographic point, in which shifts are given."""
    for distance in _DISTANCES:
        for turn in range(_TURNS):
            angle = 2 * np.pi * turn / _TURNS
            dx, dy = np.cos(angle), np.sin(angle)
            x = mark[0] + dx * distance * scale + (np.round(dx) - 1) / 2 * size[0]
            y = mark[1] + dy * distance * scale + (dy - 1) / 2 * size[1]
            shift = ((x - mark[0]) / scale, (y - mark[1]) / scale)
            yield _Box(x, y, x + size[0], y + size[1], shift)


def _cost(axes: Axes, box: _Box, others: tuple[list[_Box], Floats, Floats]) -> float:
    taken, marks, drawn = others
    frame = axes.bbox
    outside = bool(box.x0 < frame.x0 or box.x1 > frame.x1 or box.y0 < frame.y0 or box.y1 > frame.y1)
    covered = sum(box.overlaps(other) for other in taken) + box.holds(marks, _MARGIN)
    crossed = min(box.holds(drawn, 1.0), 10)
    far = float(np.hypot(*box.shift))
    return _COVERED * covered + _OUTSIDE * outside + _CROSSED * crossed + far


def _write(axes: Axes, one: Label, box: _Box) -> None:
    far = max(abs(box.shift[1]), -box.shift[0] - (box.x1 - box.x0), box.shift[0]) > _LEADER_FROM
    axes.annotate(
        one.text,
        (one.x, one.y),
        xytext=box.shift,
        textcoords="offset points",
        ha="left",
        va="bottom",
        fontsize=_POINTS,
        color=INK,
        arrowprops={"arrowstyle": "-", "color": QUIET, "lw": 0.5, "shrinkB": 3} if far else None,
        in_layout=False,
    )


def _along(axes: Axes, line: tuple[Sequence[float], ...]) -> Floats:
    """Points on a line, some four pixels apart."""
    corners = np.asarray(axes.transData.transform(np.column_stack(line)))
    steps = [np.linspace(a, b, max(int(np.hypot(*(b - a)) / 4), 2)) for a, b in pairwise(corners)]
    return np.concatenate([corners, *steps])
