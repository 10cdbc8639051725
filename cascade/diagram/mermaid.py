"""A graph as Mermaid."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cascade.config.graph import ENDS, GraphConfig, Node
from cascade.config.parts import ShadowConfig
from cascade.diagram.figures import Figures, Sums

_SHAPES = {
    "decide": ("{", "}"),
    "switch": ("{", "}"),
    "human": ("[/", "/]"),
    "subgraph": ("[[", "]]"),
    "parallel": ("[[", "]]"),
    "generate": ("(", ")"),
}
_BOX = ("[", "]")


def mermaid(graph: GraphConfig, figures: Figures | None = None, *, shadow: ShadowConfig | None = None) -> str:
    """The graph as a flowchart; with figures: visits, success and USD at every node and edge.

    shadow: what follows the ends on a share of the tasks.
    """
    lines = ["flowchart TD", f"    __start([start]) --> {_key(graph.start)}"]
    lines += [_node(name, node, figures) for name, node in graph.nodes.items()]
    lines += [f'    {end}(["{end.lower()}"])' for end in _ends(graph)]
    lines += list(_edges(graph, figures))
    if shadow is not None:
        lines.append(f'    __shadow("{_text(shadow_label(shadow))}")')
        lines += [f"    {end} -.-> __shadow" for end in _ends(graph)]
    return "\n".join(lines)


def shadow_label(shadow: ShadowConfig) -> list[str]:
    """What follows the ends, in lines of text."""
    tiers = ", ".join(shadow.tiers) if shadow.tiers else "all tiers"
    return ["shadow", f"{shadow.rate:.3g} of the tasks", tiers]


def label(name: str, node: Node, sums: Sums | None) -> list[str]:
    """A node's lines of text: its name, what it does there, its note, its figures."""
    kind = str(getattr(node, "kind", ""))
    tier = getattr(node, "tier", None)
    told = [str(more) for more in (tier, node.note) if more]
    return [name if name == kind else f"{name} ({kind})", *told, *figures_of(sums)]


def figures_of(sums: Sums | None) -> list[str]:
    """Figures in a few words."""
    if sums is None:
        return []
    success = "" if sums.success is None else f", {sums.success:.0%} accepted"
    cost = f"${sums.usd:.6f}".rstrip("0").rstrip(".") if sums.usd else ""
    return [f"{sums.visits}x{success}", *([cost] if cost else [])]


def _key(name: str) -> str:
    """An identifier that Mermaid takes; `end` is a word of its own there."""
    return name if name in ENDS else f"n_{re.sub(r'[^A-Za-z0-9_]', '_', name)}"


def _text(parts: list[str]) -> str:
    return "<br/>".join(part.replace('"', "'") for part in parts)


def _node(name: str, node: Node, figures: Figures | None) -> str:
    before, after = _SHAPES.get(str(getattr(node, "kind", "")), _BOX)
    sums = None if figures is None else figures.nodes.get(name, Sums())
    return f'    {_key(name)}{before}"{_text(label(name, node, sums))}"{after}'


def _ends(graph: GraphConfig) -> list[str]:
    used = {target for name in graph.nodes for target in graph.targets(name).values()}
    return [end for end in ENDS if end in used]


def _edges(graph: GraphConfig, figures: Figures | None) -> Iterator[str]:
    for name in graph.nodes:
        for outcome, target in graph.targets(name).items():
            sums = None if figures is None else figures.edges.get((name, outcome), Sums())
            yield f'    {_key(name)} -- "{_text([outcome, *figures_of(sums)])}" --> {_key(target)}'
