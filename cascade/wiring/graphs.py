"""What a declared graph's nodes name: policies of their own, functions, other configs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from cascade.config import Config, installed, load
from cascade.config.graph import CallNode, DecideNode, GraphConfig, Node, SubgraphNode
from cascade.nodes.services import Function, Services
from cascade.plugins import imported
from cascade.policy.base import Policy
from cascade.wiring.parts import policy


class Inner(Protocol):
    """A config that was wired."""

    @property
    def services(self) -> Services:
        """What its nodes use."""
        ...

    @property
    def graph(self) -> GraphConfig | None:
        """The graph that it declares."""
        ...


W = TypeVar("W", bound=Inner)


def node_policies(config: Config) -> dict[str, Policy]:
    """Policies of decide nodes that have their own."""
    return {
        name: policy(config.model_copy(update={"policy": node.policy}))
        for name, node in _nodes(config)
        if isinstance(node, DecideNode) and node.policy is not None
    }


def functions(config: Config) -> dict[str, Function]:
    """Functions of call nodes. Raises ConfigError if one cannot be imported."""
    return {
        name: imported(node.function, place=f"graph.nodes.{name}.function")
        for name, node in _nodes(config)
        if isinstance(node, CallNode)
    }


@dataclass(frozen=True, slots=True)
class Nested(Generic[W]):
    """The configs of subgraph nodes, wired into the books, the trace and the budget of the one that has them."""

    by_node: dict[str, W]

    @classmethod
    def of(cls, config: Config, wire: Callable[[Config], W]) -> Nested[W]:
        """Wire them. Raises what `wire` raises."""
        return cls(
            {
                name: wire(load(node.config, plugins=installed()))
                for name, node in _nodes(config)
                if isinstance(node, SubgraphNode)
            }
        )

    def joined(self, services: Services) -> Services:
        """The services of the outer graph, its subgraph nodes ready to run."""
        if not self.by_node:
            return services
        from cascade.graph import subgraph_of

        graphs = {
            name: subgraph_of(_within(inner.services, services), inner.graph)
            for name, inner in self.by_node.items()
        }
        return replace(services, subgraphs=graphs)


def _within(inner: Services, outer: Services) -> Services:
    return replace(
        inner,
        ledger=outer.ledger,
        budget=outer.budget,
        sink=outer.sink,
        notices=outer.notices,
        run=outer.run,
        content=outer.content,
        background=outer.background,
        draw=outer.draw,
        shadows=None,
    )


def _nodes(config: Config) -> Iterator[tuple[str, Node]]:
    yield from config.graph.nodes.items() if config.graph is not None else ()
