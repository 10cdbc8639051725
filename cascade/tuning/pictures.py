"""Pictures of what was replayed and tuned (needs the extra `plots`): PNG or SVG by the file's ending."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cascade.errors import StorageError, UsageError
from cascade.replay.table import Floats
from cascade.tuning.choose import front

if TYPE_CHECKING:
    from cascade.tuning.tune import Tuned

ENDINGS = (".png", ".svg")
_INK, _QUIET, _CHOSEN, _LINE = "#222222", "#8a8f98", "#c0392b", "#2c6fbb"


def cost_against_success(
    policies: Sequence[Mapping[str, Any]],
    path: Path,
    *,
    chosen: str = "config",
    line: Sequence[tuple[float, float]] = (),
) -> None:
    """Cost a task against success: baselines, the chosen policy with its intervals, and a frontier.

    policies: as in a replay's document. line: (success, cost) points of the frontier. Raises UsageError
    without matplotlib or for another ending, StorageError if the file cannot be written.
    """
    with _figure(path, size=(7.2, 4.6)) as axes:
        if line:
            axes.plot(
                [cost for _, cost in line],
                [s for s, _ in line],
                color=_LINE,
                lw=1.5,
                label="frontier while choosing",
            )
        for one in policies:
            _mark(axes, one, chosen=one["name"] == chosen)
        axes.set_xscale("log")
        _dollars(axes.xaxis)
        axes.set_xlabel("USD a task (log scale)")
        axes.set_ylabel("success")
        axes.grid(color="#e6e6e6", lw=0.6)
        axes.legend(loc="lower right", frameon=False, fontsize=8)


def _dollars(axis: Any) -> None:
    """Ticks at 1, 2 and 5 of each power of ten, written as amounts."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0), numticks=12))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda usd, _: f"${usd:.10f}".rstrip("0").rstrip(".")))


def _mark(axes: Any, one: Mapping[str, Any], *, chosen: bool) -> None:
    if not one["cost_usd"] > 0:
        return
    x, y = one["cost_usd"], one["success"]
    if chosen:
        spread = [[x - one["cost_ci"][0]], [one["cost_ci"][1] - x]]
        height = [[y - one["success_ci"][0]], [one["success_ci"][1] - y]]
        axes.errorbar(
            x, y, xerr=spread, yerr=height, fmt="*", ms=13, color=_CHOSEN, capsize=2, label="chosen"
        )
        return
    shape = {"oracle": "^", "random": "x", "fixed": "s"}.get(one["name"], "o")
    axes.plot(x, y, shape, color=_QUIET, ms=5)
    axes.annotate(
        one["name"].removeprefix("always:"), (x, y), xytext=(4, 3), textcoords="offset points", fontsize=7
    )


def tuned_picture(tuned: Tuned, path: Path) -> None:
    """Cost against success on the reporting tasks, with the frontier of all that was tried while choosing."""
    points = [trial.point for trial in front(tuned.choice.trials)]
    cost_against_success(tuned.report.document()["policies"], path, line=points)


def money(policies: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Where each dollar went: mean USD a task by tier, what was spent on rejected answers lighter.

    policies: as in a replay's document, those with `spent_usd`.
    """
    shown = [one for one in policies if one.get("spent_usd")]
    with _figure(path, size=(7.2, 0.5 + 0.42 * max(len(shown), 2))) as axes:
        tiers = list(dict.fromkeys(tier for one in shown for tier in one["spent_usd"]))
        shades = _shades(len(tiers))
        left = np.zeros(len(shown))
        for tier, shade in zip(tiers, shades, strict=True):
            wasted = np.array([one["wasted_usd"].get(tier, 0.0) for one in shown])
            spent = np.array([one["spent_usd"].get(tier, 0.0) for one in shown])
            if not spent.any():
                continue
            axes.barh(range(len(shown)), spent - wasted, left=left, color=shade, label=tier)
            axes.barh(range(len(shown)), wasted, left=left + spent - wasted, color=shade, alpha=0.4)
            left = left + spent
        axes.set_yticks(range(len(shown)), [one["name"] for one in shown], fontsize=8)
        axes.invert_yaxis()
        axes.set_xlabel("USD a task (lighter: spent on rejected answers)")
        axes.legend(loc="lower right", frameon=False, fontsize=7)


def calibration_curve(chances: Floats, outcomes: Floats, path: Path, *, bins: int = 10) -> None:
    """Predicted against observed: points are bins of equal size with Wilson intervals; the diagonal is truth.

    chances: P(pass) as predicted, (n,). outcomes: 0 to 1, (n,).
    """
    from cascade.replay.intervals import Moments, interval

    order = np.argsort(chances, kind="stable")
    with _figure(path, size=(4.6, 4.4)) as axes:
        axes.plot([0, 1], [0, 1], color=_QUIET, lw=1, ls="--")
        for part in np.array_split(order, min(bins, max(len(order) // 5, 1))):
            x, y = float(chances[part].mean()), float(outcomes[part].mean())
            low, high = interval(Moments.of(outcomes[part]), share=True)
            axes.errorbar(
                x, y, yerr=[[max(y - low, 0)], [max(high - y, 0)]], fmt="o", color=_LINE, ms=5, capsize=2
            )
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xlabel("predicted P(pass)")
        axes.set_ylabel("observed share passed")


@contextmanager
def _figure(path: Path, *, size: tuple[float, float]) -> Iterator[Any]:
    """A set of axes; the picture is written when the block ends."""
    if path.suffix not in ENDINGS:
        raise UsageError(f"{path}: pictures are written as .png or .svg", hint="choose one of these endings")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError("pictures need matplotlib", hint="pip install 'cascade-router[plots]'") from error
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=_INK, labelsize=8)
    yield axes
    try:
        figure.savefig(path, dpi=160)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}", hint="choose another file") from error


def _shades(count: int) -> list[tuple[float, float, float, float]]:
    from matplotlib import colormaps

    return [colormaps["viridis"](0.1 + 0.8 * k / max(count - 1, 1)) for k in range(count)]
