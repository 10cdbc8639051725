"""Configs inside configs: what a subgraph node names must load, and may not contain itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cascade.config.document import Place, Problem
from cascade.errors import ConfigError

MAX_DEPTH = 8


def subconfig_problems(
    data: dict[str, Any],
    folder: Path,
    above: tuple[Path, ...],
    load: Callable[[Path, tuple[Path, ...]], object],
) -> Iterator[Problem]:
    """What is wrong with each config that a subgraph node names.

    above: the files that lead here, this one last. load: loads a file below them, raising `ConfigError`.
    """
    for place, written in _named(data):
        path = (folder / Path(written).expanduser()).resolve()
        if path in above:
            way = " > ".join(one.name for one in [*above[above.index(path) :], path])
            yield Problem(place, f"a config may not contain itself: {way}")
        elif len(above) > MAX_DEPTH:
            yield Problem(place, f"is nested deeper than {MAX_DEPTH} configs")
        else:
            try:
                load(path, above)
            except ConfigError as error:
                first, *others = error.problems or (error.message,)
                more = f" (and {len(others)} more: cascade check {written})" if others else ""
                yield Problem(place, f"the config it names is wrong: {first}{more}")


def _named(data: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    graph = data.get("graph")
    nodes = graph.get("nodes") if isinstance(graph, dict) else None
    for name, node in nodes.items() if isinstance(nodes, dict) else ():
        if isinstance(node, dict) and node.get("kind") == "subgraph":
            written = node.get("config")
            if isinstance(written, str) and written:
                yield ("graph", "nodes", name, "config"), written
