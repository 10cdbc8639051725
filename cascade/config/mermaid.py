"""A declared graph as a Mermaid flowchart, with figures on nodes and edges if there are any."""

from __future__ import annotations

from collections.abc import Mapping

from cascade.config.graph import ACCEPT, ENDS, GraphConfig, Node

# What a kind looks like: the brackets around its text.
_SHAPES = {
    "switch": ("{", "}"),
    "decide": ("{", "}"),
    "human": ("[/", "/]"),
    "subgraph": ("[[", "]]"),
    "parallel": ("[[", "]]"),
}


def mermaid(
    graph: GraphConfig,
    *,
    nodes: Mapping[str, str] | None = None,
    edges: Mapping[tuple[str, str], str] | None = None,
) -> str:
    """The flowchart's text. nodes: a line more for a node. edges: a line more for a (node, outcome)."""
    ids = {name: f"n{number}" for number, name in enumerate(graph.nodes)}
    ends = dict.fromkeys(target for name in graph.nodes for target in graph.targets(name).values())
    ids |= {end: f"e{number}" for number, end in enumerate(ENDS) if end in ends}
    lines = ["flowchart TD", f"  start([start]) --> {ids[graph.start]}"]
    lines += [
        f"  {ids[name]}{_box(name, node, (nodes or {}).get(name))}" for name, node in graph.nodes.items()
    ]
    lines += [f"  {ids[end]}(({_quoted(end)}))" for end in ENDS if end in ids]
    for name in graph.nodes:
        for target, outcomes in _by_target(graph, name).items():
            told = [_with(outcome, (edges or {}).get((name, outcome))) for outcome in outcomes]
            arrow = "==>" if target == ACCEPT else "-->"
            lines.append(f"  {ids[name]} {arrow}|{_quoted('<br/>'.join(told))}| {ids[target]}")
    return "\n".join(lines) + "\n"


def _by_target(graph: GraphConfig, name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for outcome, target in graph.targets(name).items():
        found.setdefault(target, []).append(outcome)
    return found


def _box(name: str, node: Node, more: str | None) -> str:
    kind: str = getattr(node, "kind", "")
    told = [name if name == kind else f"{name}: {kind}", *_details(node)]
    told += [text for text in (node.note, more) if text]
    left, right = _SHAPES.get(kind, ("[", "]"))
    return f"{left}{_quoted('<br/>'.join(told))}{right}"


def _details(node: Node) -> list[str]:
    """What tells this node from another of its kind."""
    told = []
    for key in ("tier", "tiers", "validators", "function", "metadata", "ask", "max_visits"):
        value = getattr(node, key, None)
        if value:
            told.append(f"{key} {', '.join(value) if isinstance(value, tuple) else value}")
    return told


def _with(outcome: str, more: str | None) -> str:
    return f"{outcome} {more}" if more else outcome


def _quoted(text: str) -> str:
    """As Mermaid takes text: in quotes, its own signs as entities."""
    escaped = text.replace("<br/>", "\n")
    for sign, entity in (("#", "#35;"), ("&", "#amp;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        escaped = escaped.replace(sign, entity)
    return '"' + escaped.replace("\n", "<br/>") + '"'
