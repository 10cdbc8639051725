"""Pictures of what was replayed and tuned (needs the extra `plots`): PNG or SVG by the file's ending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cascade.errors import UsageError
from cascade.tuning.canvas import (
    CHOSEN,
    GRID,
    LINE,
    QUIET,
    canvas,
    cost_axis,
    dollars,
    legend_above,
)
from cascade.tuning.choose import front
from cascade.tuning.labels import Label, place_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cascade.tuning.tune import Tuned

# Shape and legend of what stands beside the chosen policy, by its name; the tiers alone are circles.
_SHAPES = {
    "oracle": ("^", "oracle (foresight)"),
    "random": ("x", "random mix of the same cost"),
    "fixed": ("s", "best fixed order (hindsight)"),
}
_ALONE = ("o", "a tier alone")


def cost_against_success(
    policies: Sequence[Mapping[str, Any]],
    path: Path,
    *,
    chosen: str = "config",
    line: Sequence[tuple[float, float]] = (),
) -> None:
    """Cost a task against success: baselines, the chosen policy with its intervals, and a frontier.

    policies: as in a replay's document. line: (success, cost) points of the frontier; what never tries anything is
    left out. Raises as `canvas`.
    """
    from matplotlib.ticker import PercentFormatter

    line = [point for point in line if point[0] > 0 and point[1] > 0]
    picked = [one for one in policies if one["name"] == chosen]
    others = [one for one in policies if one["name"] != chosen]
    with canvas(path, size=(7.6, 5.0)) as axes:
        frontier = ([cost for _, cost in line], [success for success, _ in line])
        if line:
            axes.plot(*frontier, color=LINE, lw=1.5, label="frontier while choosing")
        for one in picked:
            _star(axes, one)
        _points(axes, others)
        amounts = [one["cost_usd"] for one in policies] + list(frontier[0])
        amounts += [edge for one in picked for edge in one["cost_ci"] if edge]
        cost_axis(axes, amounts)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_ylabel("success")
        axes.margins(x=0.08, y=0.08)
        axes.grid(color=GRID, lw=0.6)
        legend_above(axes)
        bars = [bar for one in picked for bar in _bars(one)]
        stars = [Label(one["cost_usd"], one["success"], "") for one in picked]
        place_labels(axes, [*stars, *_labels(others)], [frontier, *bars] if line else bars)


def _star(axes: Axes, one: Mapping[str, Any]) -> None:
    x, y = one["cost_usd"], one["success"]
    (left, right), (bottom, top) = _edges(one)
    axes.errorbar(
        x,
        y,
        xerr=[[max(x - left, 0)], [max(right - x, 0)]],
        yerr=[[max(y - bottom, 0)], [max(top - y, 0)]],
        fmt="*",
        ms=13,
        color=CHOSEN,
        capsize=2,
        label="this policy, 95% intervals",
        zorder=4,
    )


def _edges(one: Mapping[str, Any]) -> tuple[tuple[float, float], tuple[float, float]]:
    """The intervals' ends; a cost without an upper end stands for itself."""
    low, high = one["cost_ci"]
    return (low, one["cost_usd"] if high is None else high), tuple(one["success_ci"])


def _bars(one: Mapping[str, Any]) -> list[tuple[list[float], list[float]]]:
    x, y = one["cost_usd"], one["success"]
    across, up = _edges(one)
    return [([*across], [y, y]), ([x, x], [*up])]


def _points(axes: Axes, others: Sequence[Mapping[str, Any]]) -> None:
    for shape, words in (_ALONE, *_SHAPES.values()):
        shown = [one for one in others if _SHAPES.get(one["name"], _ALONE)[0] == shape]
        if shown:
            costs, rates = [one["cost_usd"] for one in shown], [one["success"] for one in shown]
            axes.plot(costs, rates, shape, color=QUIET, ms=5, label=words, zorder=3)


def _labels(others: Sequence[Mapping[str, Any]]) -> list[Label]:
    """The tiers' names; what the legend tells apart needs none."""
    return [
        Label(one["cost_usd"], one["success"], one["name"].removeprefix("always:"))
        if one["name"] not in _SHAPES
        else Label(one["cost_usd"], one["success"], "")
        for one in others
    ]


def tuned_picture(tuned: Tuned, path: Path) -> None:
    """Cost against success on the reporting tasks, with the frontier of all that was tried while choosing."""
    points = [trial.point for trial in front(tuned.choice.trials)]
    cost_against_success(tuned.report.document()["policies"], path, line=points)


def money(policies: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Where each dollar went: mean USD a task by tier, what was spent on rejected answers lighter.

    policies: as in a replay's document, those with `spent_usd`. Raises UsageError where none has, and as `canvas`.
    """
    shown = [one for one in policies if one.get("spent_usd")]
    if not shown:
        raise UsageError(
            "what was spent on each tier is not known here: these figures are estimates from other decisions",
            hint="replay the config that was logged, or on an outcome table",
        )
    tiers = [
        tier
        for tier in dict.fromkeys(tier for one in shown for tier in one["spent_usd"])
        if any(one["spent_usd"].get(tier, 0.0) > 0 for one in shown)
    ]
    legend_rows = (len(tiers) + 3) // 4
    with canvas(path, size=(7.6, 0.9 + 0.34 * max(len(shown), 2) + 0.2 * legend_rows)) as axes:
        left = np.zeros(len(shown))
        for tier, shade in zip(tiers, _shades(len(tiers)), strict=True):
            wasted = np.array([one["wasted_usd"].get(tier, 0.0) for one in shown])
            spent = np.array([one["spent_usd"].get(tier, 0.0) for one in shown])
            axes.barh(range(len(shown)), spent - wasted, left=left, color=shade, label=tier)
            axes.barh(range(len(shown)), wasted, left=left + spent - wasted, color=shade, alpha=0.4)
            left = left + spent
        for row, total in enumerate(left):
            axes.annotate(
                f"${total:.3g}",
                (total, row),
                xytext=(4, 0),
                textcoords="offset points",
                fontsize=7,
                va="center",
            )
        axes.set_yticks(range(len(shown)), [one["name"].removeprefix("always:") for one in shown], fontsize=8)
        axes.invert_yaxis()
        axes.margins(x=0.09)
        dollars(axes.xaxis)
        axes.locator_params(axis="x", nbins=6)
        axes.set_xlabel("USD a task (lighter: spent on rejected answers)")
        legend_above(axes)


def _shades(count: int) -> list[tuple[float, float, float, float]]:
    """Colours that are told apart beside each other."""
    from matplotlib import colormaps

    few = colormaps["tab10"]
    if count <= few.N:
        return [few(k) for k in range(count)]
    return [colormaps["turbo"](0.05 + 0.9 * k / (count - 1)) for k in range(count)]
