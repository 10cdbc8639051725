"""A graph as a PNG, drawn here: no service is asked."""

from __future__ import annotations

import io
from typing import Any

from cascade.config.graph import ENDS, GraphConfig
from cascade.config.parts import ShadowConfig
from cascade.diagram.figures import Figures, Sums
from cascade.diagram.mermaid import figures_of, label, shadow_label
from cascade.errors import UsageError

_COLOURS = {"generate": "#dbeafe", "parallel": "#dbeafe", "validate": "#dcfce7", "decide": "#fef3c7"}
_WIDTH, _HEIGHT = 3.4, 1.7  # inches for a column and a row


def png(graph: GraphConfig, figures: Figures | None = None, *, shadow: ShadowConfig | None = None) -> bytes:
    """The picture's bytes. shadow: what follows the ends. Raises UsageError where matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise UsageError("a PNG needs matplotlib", hint="pip install 'cascade-router[plots]'") from error
    places = layout(graph)
    columns = max(x for x, _ in places.values()) + 1
    rows = max(y for _, y in places.values()) + 1 + (shadow is not None)
    figure = Figure(figsize=(max(5.0, columns * _WIDTH), rows * _HEIGHT))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set_xlim(-0.6, columns - 0.4)
    axes.set_ylim(rows - 0.5, -0.5)
    for name in graph.nodes:
        for number, (target, text) in enumerate(_arrows(graph, name, figures).items()):
            _edge(axes, places[name], places[target], text, number)
    if shadow is not None:
        _after_ends(axes, places, shadow)
    for name, place in places.items():
        _box(axes, graph, name, place, figures)
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=110)
    return written.getvalue()


def _arrows(graph: GraphConfig, name: str, figures: Figures | None) -> dict[str, str]:
    """One arrow for all outcomes that lead to the same node, with a line of text for each."""
    arrows: dict[str, list[str]] = {}
    for outcome, target in graph.targets(name).items():
        sums = None if figures is None else figures.edges.get((name, outcome), Sums())
        arrows.setdefault(target, []).append(", ".join([outcome, *figures_of(sums)]))
    return {target: "\n".join(lines) for target, lines in arrows.items()}


def layout(graph: GraphConfig) -> dict[str, tuple[float, float]]:
    """Column and row of every node and end: rows by the distance from the start, ends last."""
    rows = _rows(graph)
    by_row: dict[int, list[str]] = {}
    for name, row in rows.items():
        by_row.setdefault(row, []).append(name)
    widest = max(len(names) for names in by_row.values())
    return {
        name: (column + (widest - len(names)) / 2, float(row))
        for row, names in by_row.items()
        for column, name in enumerate(names)
    }


def _rows(graph: GraphConfig) -> dict[str, int]:
    rows: dict[str, int] = {graph.start: 0}
    open_ = [graph.start]
    while open_:
        name = open_.pop(0)
        for target in graph.targets(name).values():
            if target not in rows and target not in ENDS:
                rows[target] = rows[name] + 1
                open_.append(target)
    used = {target for name in rows for target in graph.targets(name).values()}
    last = max(rows.values()) + 1
    return rows | {end: last for end in ENDS if end in used}


def _box(
    axes: Any, graph: GraphConfig, name: str, place: tuple[float, float], figures: Figures | None
) -> None:
    node = graph.nodes.get(name)
    colour, lines = "#f3f4f6", [name.lower()]
    if node is not None:
        sums = None if figures is None else figures.nodes.get(name, Sums())
        lines = label(name, node, sums)
        colour = _COLOURS.get(str(getattr(node, "kind", "")), "#ffffff")
    style = {"boxstyle": "round,pad=0.5", "facecolor": colour, "edgecolor": "#374151"}
    axes.text(*place, "\n".join(lines), ha="center", va="center", fontsize=9, bbox=style, zorder=3)


def _after_ends(axes: Any, places: dict[str, tuple[float, float]], shadow: ShadowConfig) -> None:
    """A box below the ends, and an arrow from each."""
    ends = [place for name, place in places.items() if name in ENDS]
    here = (sum(x for x, _ in ends) / len(ends), ends[0][1] + 1)
    for number, place in enumerate(ends):
        _edge(axes, place, here, "", number)
    style = {"boxstyle": "round,pad=0.5", "facecolor": "#ede9fe", "edgecolor": "#374151"}
    axes.text(
        *here, "\n".join(shadow_label(shadow)), ha="center", va="center", fontsize=9, bbox=style, zorder=3
    )


def _edge(axes: Any, start: tuple[float, float], end: tuple[float, float], text: str, number: int) -> None:
    """An arrow; one that leads back, or beside another, bends."""
    back = end[1] <= start[1]
    bend = 0.45 if back else 0.12 * number
    arrow = {
        "arrowstyle": "-|>",
        "color": "#6b7280",
        "connectionstyle": f"arc3,rad={bend}",
        "shrinkA": 24,
        "shrinkB": 24,
    }
    axes.annotate("", xy=end, xytext=start, arrowprops=arrow, zorder=1)
    across = bend * 0.5 * (end[1] - start[1]) + (0.12 * number if end == start else 0.0)
    along = bend * 0.5 * (start[0] - end[0])
    middle = ((start[0] + end[0]) / 2 - across, (start[1] + end[1]) / 2 - along)
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85}
    axes.text(*middle, text, ha="center", va="center", fontsize=7, color="#111827", bbox=paper, zorder=2)
