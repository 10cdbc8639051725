"""The cascade as a node of your LangGraph graph, with your checkpointer: killed in the middle, it goes on there.

    python examples/langgraph_parent.py checkpoints.sqlite       # kill it, and start it again

What was paid for before is in the checkpoints: it is not asked for again.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from cascade import Cascade

sys.path.insert(0, str(Path(__file__).parent))
from embed import TESTS


class State(TypedDict, total=False):
    """The keys `task` and `result` are the cascade's; the others are yours."""

    wish: str
    task: dict[str, Any]
    result: dict[str, Any]
    report: str


def plan(state: State) -> State:
    """Make a task of the wish: plain JSON, as checkpoints like it."""
    return {"task": {"prompt": state["wish"], "target": "slug.py", "tests": {"test_slug.py": TESTS}}}


def report(state: State) -> State:
    """Say how it went."""
    result = state["result"]
    return {"report": f"{result['status']} from {result['tier']} after {len(result['attempts'])} attempts"}


async def main(checkpoints: str) -> None:
    """Start the thread, or go on with it."""
    thread: Any = {"configurable": {"thread_id": "slugify"}}
    async with (
        Cascade.from_file(Path(__file__).with_name("cascade.yaml")) as cascade,
        AsyncSqliteSaver.from_conn_string(checkpoints) as saver,
    ):
        builder = StateGraph(State)
        builder.add_node("plan", plan)
        builder.add_node("solve", cascade.graph)
        builder.add_node("say", report)
        builder.add_edge(START, "plan")
        builder.add_edge("plan", "solve")
        builder.add_edge("solve", "say")
        builder.add_edge("say", END)
        graph = builder.compile(checkpointer=saver)
        begun = (await graph.aget_state(thread)).created_at is not None
        wish = None if begun else {"wish": "Write `slugify(text)`: lower case, words joined by one hyphen."}
        state = await graph.ainvoke(wish, thread, durability="sync")
    print("went on" if begun else "began")
    print(state["report"])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "checkpoints.sqlite"))
