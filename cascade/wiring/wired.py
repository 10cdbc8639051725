"""What wiring makes: a cascade's parts, and how they are closed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

from cascade.config.graph import GraphConfig
from cascade.nodes.services import Checks, Services
from cascade.runtrace import RunTrace
from cascade.trailing import Trailing
from cascade.wiring.graphs import Nested
from cascade.wiring.runs import RunPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Checking:
    """The checks of a cascade and what isolates them. `owned` are closed with it; shared ones are not."""

    checks: Checks
    layers: tuple[str, ...] = ()
    owned: tuple[Closable, ...] = ()

    async def aclose(self) -> None:
        """End every tool and remove every workspace."""
        for part in self.owned:
            await part.aclose()


class Closable(Protocol):
    """Something to be closed."""

    async def aclose(self) -> None:
        """Release what is held. May be called more than once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wired:
    """A cascade's parts: what the nodes use, and what has to be closed."""

    services: Services
    """What the nodes use."""
    trace: RunTrace
    """The run's trace."""
    checking: Checking
    """The checks, and what isolates them."""
    plan: RunPlan
    """How another run of the same config is opened."""
    nested: Nested[Wired]
    """The configs of subgraph nodes."""
    graph: GraphConfig | None = None
    """The graph that is declared."""
    trailing: Trailing = field(default_factory=Trailing)
    """What goes on behind results."""

    @property
    def graphs(self) -> tuple[GraphConfig | None, ...]:
        """The declared graph, and those of the configs that its subgraph nodes name."""
        return (self.graph, *(graph for inner in self.nested.by_node.values() for graph in inner.graphs))

    async def aclose(self) -> None:
        """End the run's trace, close connections, tools and the sandbox."""
        try:
            self.trace.close()
        finally:
            await self.release()

    async def release(self) -> None:
        """Close connections and tools; they open again when they are next used."""
        models = [each.model for each in self.services.tiers.values()]
        await self.services.background.aclose(*(model.aclose for model in models), self.checking.aclose)
        for model in models:
            await model.aclose()
        await self.checking.aclose()
        for inner in self.nested.by_node.values():
            await inner.release()

    async def release_unused(self) -> None:
        """Close the running event loop's connections, and the tools and the sandbox unless a thread is using them."""
        for tier in self.services.tiers.values():
            await tier.model.aclose()
        with self.services.uses.unused() as idle:
            if idle:
                await self.checking.aclose()
        for inner in self.nested.by_node.values():
            await inner.release_unused()

    def of_another_run(self) -> Wired:
        """The same parts in a run of its own: for a process that was forked."""
        parts = self.plan.opened(forked=True)
        services = self.nested.joined(replace(self.services, **parts))
        return replace(self, services=services, trace=parts["sink"], trailing=Trailing())
