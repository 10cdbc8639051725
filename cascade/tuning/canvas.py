"""What all pictures share: a figure that is written as PNG or SVG, amounts on an axis, a legend out of the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cascade.errors import StorageError, UsageError
from cascade.storage import reason

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

ENDINGS = (".png", ".svg")
INK, QUIET, CHOSEN, LINE = "#222222", "#8a8f98", "#c0392b", "#2c6fbb"
GRID = "#e6e6e6"
_DPI = 160
_LOG_FROM = 5.0
_SHORT = 20


@contextmanager
def canvas(path: Path, *, size: tuple[float, float], panels: tuple[int, int] = (1, 1)) -> Iterator[Any]:
    """A figure of `size` inches with rows by columns of axes, written when the block ends without an error.

    Yields the axes, or an array of them where there are several panels. Raises UsageError without matplotlib or for
    another ending than .png and .svg, StorageError if the file cannot be written.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"{path}: pictures are written as .png or .svg", hint="choose one of these endings")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError("pictures need matplotlib", hint="pip install 'cascade-router[plots]'") from error
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(*panels, squeeze=False)
    for axes in grid.flat:
        _plain(axes)
    yield grid[0, 0] if panels == (1, 1) else grid
    _save(figure, path)


def _plain(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=INK, labelsize=8)
    axes.set_axisbelow(True)


def _save(figure: Figure, path: Path) -> None:
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=_DPI)
    except OSError as error:
        raise StorageError(
            f"cannot write the picture {path}: {reason(error)}", hint="choose another place for it"
        ) from error


def dollars(axis: Axis) -> None:
    """Ticks written as amounts, as many digits as they need."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda usd, _: f"${usd:.10f}".rstrip("0").rstrip(".")))


def cost_axis(axes: Axes, amounts: Sequence[float]) -> None:
    """A horizontal axis of amounts: a log scale where all are above 0 and five times apart."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    if amounts and min(amounts) > 0 and max(amounts) / min(amounts) >= _LOG_FROM:
        axes.set_xscale("log")
        decades = np.log10(max(amounts) / min(amounts))
        steps = (1.0, 2.0, 5.0) if decades < 2.5 else (1.0,)
        axes.xaxis.set_major_locator(LogLocator(base=10, subs=steps, numticks=12))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("USD a task (log scale)")
    else:
        axes.set_xlim(left=max(axes.get_xlim()[0], 0.0))
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.set_xlabel("USD a task")
    dollars(axes.xaxis)


def legend_above(axes: Axes) -> None:
    """The legend over the axes, where no data are."""
    figure = axes.get_figure()
    handles, names = axes.get_legend_handles_labels()
    if handles and figure is not None:
        columns = 4 if max(map(len, names)) < _SHORT else 3
        figure.legend(handles, names, loc="outside upper left", ncols=columns, frameon=False, fontsize=8)
