"""The LangGraph machine: the nodes, wired as declared. This is what runs; there is no second engine beside it."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Hashable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.config import get_stream_writer
from langgraph.errors import GraphBubbleUp
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict, Unpack

from cascade.codec import from_json, to_json
from cascade.config.graph import ENDS, LIMIT, GraphConfig, HumanNode, Node, default_graph
from cascade.errors import InputError, NodeError, UsageError
from cascade.events import Emit, Event
from cascade.narration import narrated
from cascade.nodes.begin import begin, resume
from cascade.nodes.call import call
from cascade.nodes.check import extract, validate
from cascade.nodes.classify import classify
from cascade.nodes.decide import decide
from cascade.nodes.ending import close, fail
from cascade.nodes.faults import as_task_error
from cascade.nodes.generate import generate
from cascade.nodes.human import human
from cascade.nodes.parallel import parallel
from cascade.nodes.services import Services, Source, Subgraph
from cascade.nodes.shadow import AGAIN, OVER, shadow
from cascade.nodes.shadow import NAME as SHADOW
from cascade.nodes.state import Input, Nested, Output, State, Update, merged, scope_of
from cascade.nodes.step import Here, Outcome, Work
from cascade.nodes.subgraph import subgraph
from cascade.nodes.switch import switch
from cascade.trace.events import NodeFinished
from cascade.types import Result, Task

Graph: TypeAlias = CompiledStateGraph[State, None, Input, Output]

# Five nodes an attempt; far above what any policy allows, so that only a runaway loop meets it.
RECURSION_LIMIT = 500
WORK: dict[str, Work] = {
    "classify": classify,
    "generate": generate,
    "extract": extract,
    "validate": validate,
    "decide": decide,
    "switch": switch,
    "call": call,
    "subgraph": subgraph,
    "human": human,
    "parallel": parallel,
}
# Kinds whose work leaves no event of its own.
SILENT = frozenset({"switch", "call", "subgraph", "human", "parallel"})
# Kinds that call models.
CALLING = frozenset({"generate", "parallel"})
_BEGIN = "begin"


class CompileOptions(TypedDict, total=False):
    """What LangGraph's `compile` takes, passed on as it is."""

    checkpointer: Any
    cache: Any
    store: Any
    interrupt_before: list[str]
    interrupt_after: list[str]
    debug: bool
    name: str


def compile_graph(
    services: Services | Source,
    declared: GraphConfig | None = None,
    *,
    nested: bool = False,
    **options: Unpack[CompileOptions],
) -> Graph:
    """Build the cascade's graph: a compiled LangGraph graph over `task` (in) and `result` (out).

    services: what the nodes use, or what gives it: that is asked at every step, in the process that makes it.
    declared: nodes and edges (None: those that a config without a graph stands for). nested: it is run by a
    subgraph node, whose task it goes on with. With `checkpointer=False` it stands alone, wherever it is called:
    the caller's checkpoints and callbacks are not its own.
    """
    declared = declared or default_graph()
    source = _constant(services) if isinstance(services, Services) else services
    narrates = options.get("checkpointer") is not False
    builder = StateGraph(State, input_schema=Nested if nested else Input, output_schema=Output)
    # A start that is come back to would begin the task again: then a node of its own begins it.
    apart = declared.start in {
        target for name in declared.nodes for target in declared.targets(name).values()
    }
    after = _after_ends(builder, source, nested=nested)
    for name, node in declared.nodes.items():
        targets = declared.targets(name)
        first = name == declared.start and not apart
        placed = Placed(name=name, declared=node, targets=targets, first=first)
        builder.add_node(node_key(name), BoundNode(placed, source, narrates=narrates))
        ways: dict[Hashable, str] = {
            outcome: after if target in ENDS else node_key(target) for outcome, target in targets.items()
        }
        builder.add_conditional_edges(node_key(name), _ByOutcome(), ways)
    if apart:
        builder.add_node(_BEGIN, BeginNode(source))
        builder.add_edge(START, _BEGIN)
    builder.add_edge(_BEGIN if apart else START, node_key(declared.start))
    options.setdefault("name", "cascade")
    graph = builder.compile(**options)
    graph.config = {"recursion_limit": RECURSION_LIMIT}
    return graph


def _constant(services: Services) -> Source:
    return lambda: services


def _after_ends(builder: StateGraph[State, None, Input, Output], source: Source, *, nested: bool) -> str:
    """Where every end leads: to the shadow's node, which is added here, if there are shadows."""
    if source().shadows is None or nested:
        return END
    builder.add_node(SHADOW, ShadowNode(source))
    builder.add_conditional_edges(SHADOW, _ByOutcome(), {AGAIN: SHADOW, OVER: END})
    return SHADOW


def node_key(name: str) -> str:
    """A node's name in LangGraph, which wants those of the state's keys and of ours for itself."""
    return f"{name}_node" if name in State.__annotations__ or name in (_BEGIN, SHADOW) else name


class _ByOutcome(Runnable[State, str]):
    """Goes by the last node's outcome. A plain function would be called in a thread, once a node."""

    name = "outcome"

    def invoke(self, input: State, config: RunnableConfig | None = None, **_: Any) -> str:  # noqa: A002, ARG002
        """The outcome."""
        return input["outcome"]

    async def ainvoke(
        self,
        input: State,  # noqa: A002
        config: RunnableConfig | None = None,  # noqa: ARG002
        **_: Any,
    ) -> str:
        """The same."""
        return input["outcome"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A node in its graph: where each of its outcomes leads, and whether a task begins at it."""

    name: str
    declared: Node
    targets: Any
    first: bool

    @property
    def kind(self) -> str:
        """Its kind, as the config calls it."""
        return str(getattr(self.declared, "kind", ""))


class _Step(Runnable[State, Update]):
    """A node as LangGraph calls it, with and without an event loop. Its events are `custom` chunks of the stream."""

    def __init__(self, name: str, source: Source) -> None:
        self.name = name
        self._source = source
        self.narrates = False

    @property
    def _services(self) -> Services:
        """Those of this process."""
        return self._source()

    async def _run(self, state: State, emit: Emit) -> Update:
        raise NotImplementedError

    # The arguments' names are LangChain's.
    async def ainvoke(
        self,
        input: State,  # noqa: A002
        config: RunnableConfig | None = None,
        **_: Any,
    ) -> Update:
        """Run the node; its calls to models are told to the config's callbacks."""
        with self._services.uses.use():
            if not self.narrates:
                return await self._run(input, get_stream_writer())
            async with narrated(config, get_stream_writer()) as emit:
                return await self._run(input, emit)

    def invoke(self, input: State, config: RunnableConfig | None = None, **_: Any) -> Update:  # noqa: A002
        """Run the node in the background loop."""
        return self._services.background.run(self.ainvoke(input, config))


class BeginNode(_Step):
    """Begins a task where the graph's first node may be come back to."""

    def __init__(self, source: Source) -> None:
        super().__init__(_BEGIN, source)

    async def _run(self, state: State, emit: Emit) -> Update:  # noqa: ARG002  (nothing happens yet)
        return await begin(state, self._services)


class ShadowNode(_Step):
    """What is made of a task after its end; comes back to itself once for each attempt."""

    def __init__(self, source: Source) -> None:
        super().__init__(SHADOW, source)

    async def _run(self, state: State, emit: Emit) -> Update:  # noqa: ARG002  (whoever listens has the end)
        ended = await shadow(state, self._services)
        return {**ended.update, "outcome": ended.name}


class BoundNode(_Step):
    """A declared node: its visits counted, its work done, its outcome led to the next node or to the end."""

    def __init__(self, placed: Placed, source: Source, *, narrates: bool) -> None:
        super().__init__(placed.name, source)
        self._placed = placed
        self._work = WORK[placed.kind]
        self.narrates = narrates and placed.kind in CALLING
        self._here = Here(name=placed.name, declared=placed.declared, interrupt=interrupt)

    async def _run(self, state: State, emit: Emit) -> Update:
        opened = begin if self._placed.first else resume
        update: Update = await opened(state, self._services)
        now = merged(state, update)
        try:
            return await self._left(state, update, now, emit)
        except GraphBubbleUp:  # a person is asked, or a graph above is to go on
            raise
        except Exception as raised:
            error = as_task_error(self._placed.name, raised)
            if isinstance(error, InputError | NodeError) and error.result is None:
                fail(now, self._services, error)  # a graph within this one has not ended the task
            if error is raised:
                raise
            raise error from error.__cause__

    async def _left(self, state: State, update: Update, now: State, emit: Emit) -> Update:
        """The node's work done and written down, and where it ends the task, the task closed."""
        clock = time.perf_counter()
        ended = await self._visited(now, emit)
        self._write_down(now, ended.name, time.perf_counter() - clock)
        done = _joined(update, {**ended.update, "outcome": ended.name})
        target = self._placed.targets[ended.name]
        if target not in ENDS:
            return done
        return _joined(done, close(merged(state, done), self._services, emit, target))

    async def _visited(self, state: State, emit: Emit) -> Outcome:
        """The work, or the outcome `limit` if a task may come here no more."""
        most = self._placed.declared.max_visits
        if most is None:
            return await self._work(state, self._services, emit, self._here)
        visits = state.get("visits") or {}
        count = visits.get(self._placed.name, 0)
        if count >= most:
            return Outcome(LIMIT, {})
        ended = await self._work(state, self._services, emit, self._here)
        return Outcome(ended.name, {**ended.update, "visits": {**visits, self._placed.name: count + 1}})

    def _write_down(self, state: State, outcome: str, latency_s: float) -> None:
        if self._placed.kind not in SILENT and outcome != LIMIT:
            return
        scope = scope_of(state, self._services.run).child(self._placed.name)
        event = NodeFinished(**scope.fields(), kind=self._placed.kind, outcome=outcome, latency_s=latency_s)
        self._services.sink.emit(event)


def _joined(first: Update, second: Update) -> Update:
    """Two updates as one."""
    if first.get("attempts") and second.get("attempts"):
        return merged(first, second)
    return {**first, **second}


def subgraph_of(services: Services, declared: GraphConfig | None) -> Subgraph:
    """A graph for a subgraph node to run."""
    graph = compile_graph(services, declared, nested=True)

    async def run(given: dict[str, Any]) -> dict[str, Any]:
        return await graph.ainvoke(cast("Input", given))

    return run


def waits_for_people(declared: GraphConfig | None) -> bool:
    """Whether a run may stop for a person."""
    return declared is not None and any(isinstance(node, HumanNode) for node in declared.nodes.values())


async def invoke(graph: Graph, task: Task) -> Result:
    """Run one task through the graph. Raises UsageError if it stops for a person."""
    state = await graph.ainvoke({"task": to_json(task)}, durability="exit" if graph.checkpointer else None)
    if not state.get("result"):
        raise UsageError("the graph stopped before its end: it waits for a person", hint=PEOPLE)
    return from_json(Result, state["result"])


PEOPLE = (
    "compile it with a checkpointer, cascade.compile(checkpointer=...), and resume it with "
    "langgraph.types.Command(resume=CHOICE)"
)


async def stream(graph: Graph, task: Task) -> AsyncGenerator[Event]:
    """Run one task, yielding what happens as it happens. Closing the iterator cancels the call and the tools."""
    chunks = cast("AsyncGenerator[Event]", graph.astream({"task": to_json(task)}, stream_mode="custom"))
    async with aclosing(chunks):
        async for event in chunks:
            yield event
