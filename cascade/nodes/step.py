"""What a node is to the graph: where it stands, and the work that ends in an outcome."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, TypeVar

from cascade.config.graph import Node
from cascade.events import Emit
from cascade.nodes.services import Services
from cascade.nodes.state import State, Update

N = TypeVar("N", bound=Node)


class Outcome(NamedTuple):
    """How a node's work ended, and what it changes in the state."""

    name: str
    update: Update


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """The node that is at work: its name, what was declared, and how to stop for a person (LangGraph's interrupt)."""

    name: str
    declared: Node
    interrupt: Callable[[Any], Any]

    def of(self, kind: type[N]) -> N:
        """What was declared, as its kind."""
        assert isinstance(self.declared, kind), f"{self.name} is no {kind.__name__}"
        return self.declared


Work: TypeAlias = Callable[[State, Services, Emit, Here], Awaitable[Outcome]]
