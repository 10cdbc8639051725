"""The LangGraph machine: the nodes, wired. This is what runs; there is no second engine beside it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Literal, TypeAlias, cast

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from typing_extensions import TypedDict, Unpack

from cascade.codec import from_json, to_json
from cascade.events import Emit, Event
from cascade.nodes.check import extract, validate
from cascade.nodes.classify import classify
from cascade.nodes.decide import decide
from cascade.nodes.generate import generate
from cascade.nodes.services import Services
from cascade.nodes.state import Input, Output, State, Update
from cascade.types import Result, Task

Graph: TypeAlias = CompiledStateGraph[State, None, Input, Output]
Node: TypeAlias = Callable[[State, Services, Emit], Awaitable[Update]]

# Five nodes an attempt; far above what any policy allows, so that only a runaway loop meets it.
RECURSION_LIMIT = 500


class CompileOptions(TypedDict, total=False):
    """What LangGraph's `compile` takes, passed on as it is."""

    checkpointer: Any
    cache: Any
    store: Any
    interrupt_before: list[str]
    interrupt_after: list[str]
    debug: bool
    name: str


def compile_graph(services: Services, **options: Unpack[CompileOptions]) -> Graph:
    """Build the cascade's graph: a compiled LangGraph graph over `task` (in) and `result` (out)."""
    builder = StateGraph(State, input_schema=Input, output_schema=Output)
    for name, node in _NODES.items():
        builder.add_node(name, BoundNode(name, node, services))
    builder.add_edge(START, "classify")
    builder.add_conditional_edges("classify", _unless_ended, {"on": "generate", "end": END})
    builder.add_conditional_edges(
        "generate", _after_call, {"answer": "extract", "failed": "decide", "end": END}
    )
    builder.add_conditional_edges("extract", _after_extract, {"files": "validate", "nothing": "decide"})
    builder.add_edge("validate", "decide")
    builder.add_conditional_edges("decide", _unless_ended, {"on": "generate", "end": END})
    options.setdefault("name", "cascade")
    graph = builder.compile(**options)
    graph.config = {"recursion_limit": RECURSION_LIMIT}
    return graph


_NODES: dict[str, Node] = {
    "classify": classify,
    "generate": generate,
    "extract": extract,
    "validate": validate,
    "decide": decide,
}


class BoundNode(Runnable[State, Update]):
    """A node as LangGraph calls it, with and without an event loop. Its events are `custom` chunks of the stream."""

    def __init__(self, name: str, node: Node, services: Services) -> None:
        self.name = name
        self._node = node
        self._services = services

    # The arguments' names are LangChain's.
    async def ainvoke(
        self,
        input: State,  # noqa: A002
        config: RunnableConfig | None = None,  # noqa: ARG002
        **_: Any,
    ) -> Update:
        """Run the node."""
        return await self._node(input, self._services, get_stream_writer())

    def invoke(self, input: State, config: RunnableConfig | None = None, **_: Any) -> Update:  # noqa: A002
        """Run the node in the background loop."""
        return self._services.background.run(self.ainvoke(input, config))


def _unless_ended(state: State) -> Literal["on", "end"]:
    return "end" if state.get("result") else "on"


def _after_call(state: State) -> Literal["answer", "failed", "end"]:
    if state.get("result"):
        return "end"
    return "answer" if state.get("pending") else "failed"


def _after_extract(state: State) -> Literal["files", "nothing"]:
    return "files" if state.get("pending") else "nothing"


async def invoke(graph: Graph, task: Task) -> Result:
    """Run one task through the graph."""
    state = await graph.ainvoke({"task": to_json(task)}, durability="exit" if graph.checkpointer else None)
    return from_json(Result, state["result"])


async def stream(graph: Graph, task: Task) -> AsyncGenerator[Event]:
    """Run one task, yielding what happens as it happens. Closing the iterator cancels the call and the tools."""
    chunks = cast("AsyncGenerator[Event]", graph.astream({"task": to_json(task)}, stream_mode="custom"))
    async with aclosing(chunks):
        async for event in chunks:
            yield event
