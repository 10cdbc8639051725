"""Traffic, success and USD by node and edge, from a trace: each task's way is walked again through the graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from cascade.config.graph import ENDS, GraphConfig
from cascade.trace.events import (
    AttemptFailed,
    AttemptFinished,
    Event,
    NodeFinished,
    PolicyDecided,
    RouteDecided,
    TaskFinished,
    TaskStarted,
    ValidationFinished,
)

ZERO = Decimal(0)
Edge = tuple[str, str]  # a node and its outcome


@dataclass(slots=True)
class Sums:
    """Visits, the tasks that came by, how many of those ended accepted, and USD as far as prices are known."""

    visits: int = 0
    usd: Decimal = ZERO
    tasks: int = 0
    accepted: int = 0

    @property
    def success(self) -> float | None:
        """Share of the tasks that came by which ended accepted; None if none did."""
        return self.accepted / self.tasks if self.tasks else None


class Step(NamedTuple):
    """One visit: the node, how it ended, what it cost."""

    node: str
    outcome: str
    usd: Decimal = ZERO


@dataclass(slots=True)
class Figures:
    """Sums by node and by edge. `tasks` is how many tasks were walked, `lost` how many left the graph."""

    nodes: dict[str, Sums] = field(default_factory=dict)
    edges: dict[Edge, Sums] = field(default_factory=dict)
    tasks: int = 0
    lost: int = 0

    @classmethod
    def of(cls, graph: GraphConfig, events: Iterable[Event]) -> Figures:
        """Walk every finished task of a trace. One that was traced under another graph counts as lost."""
        figures = cls()
        for task in _by_task(events):
            ended = next((event for event in task if isinstance(event, TaskFinished)), None)
            if ended is None:
                continue
            figures.tasks += 1
            way = _whole(graph, _steps(graph, task), ended)
            if way is None:
                figures.lost += 1
            else:
                figures._add(way, accepted=ended.status == "accepted")
        return figures

    def _add(self, way: list[Step], *, accepted: bool) -> None:
        for step in way:
            for sums in (
                self.nodes.setdefault(step.node, Sums()),
                self.edges.setdefault((step.node, step.outcome), Sums()),
            ):
                sums.visits += 1
                sums.usd += step.usd
        for node in {step.node for step in way}:
            self.nodes[node].tasks += 1
            self.nodes[node].accepted += accepted
        for edge in {(step.node, step.outcome) for step in way}:
            self.edges[edge].tasks += 1
            self.edges[edge].accepted += accepted


def _by_task(events: Iterable[Event]) -> Iterator[list[Event]]:
    tasks: dict[str, list[Event]] = {}
    for event in events:
        if event.task_id is not None and not getattr(event, "shadow", False):
            tasks.setdefault(event.trace_id, []).append(event)
    yield from tasks.values()


def _steps(graph: GraphConfig, task: list[Event]) -> list[Step]:
    """What the trace says of each visit. Costs of a race, and of another config's graph, go to their node."""
    root = next((event.span_id for event in task if isinstance(event, TaskStarted)), None)
    steps: list[Step] = []
    gathered = ZERO
    for event in task:
        own = root is None or event.parent_span_id == root
        cost = event.cost_usd or ZERO if isinstance(event, AttemptFinished | AttemptFailed) else ZERO
        outcome = _outcome(graph, event) if own else None
        if outcome is None or event.node is None:
            gathered += cost
            continue
        steps.append(Step(event.node, outcome, cost + gathered))
        gathered = ZERO
    return steps


def _outcome(graph: GraphConfig, event: Event) -> str | None:
    """How the event says that its node ended; None where it does not."""
    node = graph.nodes.get(event.node or "")
    kind = getattr(node, "kind", None)
    if isinstance(event, RouteDecided):
        return "stop" if event.tier is None else "routed"
    if isinstance(event, PolicyDecided):
        return "escalate" if event.action == "start" else event.action
    if isinstance(event, ValidationFinished):
        return {"extract": "nothing", "validate": _status(event)}.get(str(kind))
    if isinstance(event, NodeFinished):
        return event.outcome
    called = {"attempt.finished": "answered", "attempt.failed": "failed"}
    return called.get(event.event) if kind == "generate" else None


def _status(event: ValidationFinished) -> str:
    """This node's own status; `verdict` is that of all validate nodes together."""
    statuses = {one.status for one in event.validators}
    if "failed" in statuses:
        return "failed"
    return "unchecked" if "unchecked" in statuses or not statuses else "passed"


def _whole(graph: GraphConfig, steps: list[Step], ended: TaskFinished) -> list[Step] | None:
    """The way with the visits that leave no event put in; None if the graph has no such way."""
    way: list[Step] = []
    expected = graph.start
    for step in steps:
        if step.node != expected and getattr(graph.nodes.get(expected), "kind", None) == "extract":
            way.append(Step(expected, "extracted"))
            expected = graph.targets(expected).get("extracted", "")
        if step.node != expected:
            return None
        way.append(step)
        expected = graph.targets(expected).get(step.outcome, "")
    if expected in ENDS:
        return way
    silent = {"generate": "exhausted", "parallel": "exhausted", "extract": "extracted"}
    outcome = silent.get(getattr(graph.nodes.get(expected), "kind", ""))
    if outcome is None or (outcome == "exhausted" and ended.status != "budget_exhausted"):
        return None
    return [*way, Step(expected, outcome)]
