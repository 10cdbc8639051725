"""The LangGraph machine: the nodes, wired. This is what runs; there is no second engine beside it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Literal, Protocol, TypeAlias, cast

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from cascade.codec import from_json
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


def compile_graph(services: Services, *, checkpointer: BaseCheckpointSaver[Any] | None = None) -> Graph:
    """Build the cascade's graph: a compiled LangGraph graph over `task` (in) and `result` (out)."""
    builder = StateGraph(State, input_schema=Input, output_schema=Output)
    for name, node in _NODES.items():
        builder.add_node(name, _bound(node, services))
    builder.add_edge(START, "classify")
    builder.add_conditional_edges("classify", _unless_ended, {"on": "generate", "end": END})
    builder.add_conditional_edges(
        "generate", _after_call, {"answer": "extract", "failed": "decide", "end": END}
    )
    builder.add_conditional_edges("extract", _after_extract, {"files": "validate", "nothing": "decide"})
    builder.add_edge("validate", "decide")
    builder.add_conditional_edges("decide", _unless_ended, {"on": "generate", "end": END})
    graph = builder.compile(checkpointer=checkpointer, name="cascade")
    graph.config = {"recursion_limit": RECURSION_LIMIT}
    return graph


_NODES: dict[str, Node] = {
    "classify": classify,
    "generate": generate,
    "extract": extract,
    "validate": validate,
    "decide": decide,
}


class _Bound(Protocol):
    def __call__(self, state: State, *, runtime: Runtime[None]) -> Awaitable[Update]: ...


def _bound(node: Node, services: Services) -> _Bound:
    """The node as LangGraph calls it; its events go to the stream as `custom` chunks."""

    async def run(state: State, *, runtime: Runtime[None]) -> Update:
        return await node(state, services, runtime.stream_writer)

    return run


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
    state = await graph.ainvoke({"task": task}, durability="exit" if graph.checkpointer else None)
    return from_json(Result, state["result"])


async def stream(graph: Graph, task: Task) -> AsyncGenerator[Event]:
    """Run one task, yielding what happens as it happens. Closing the iterator cancels the call and the tools."""
    chunks = cast("AsyncGenerator[Event]", graph.astream({"task": task}, stream_mode="custom"))
    async with aclosing(chunks):
        async for event in chunks:
            yield event
