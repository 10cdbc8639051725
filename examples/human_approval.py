"""A person has the last word: the graph stops, keeps its state, and goes on with the choice.

python examples/human_approval.py
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver  # a database's saver keeps it for days
from langgraph.types import Command

from cascade import Cascade


def at_the_terminal(question: dict[str, Any]) -> Any:
    """Show the files and take an answer."""
    for path, text in question["files"].items():
        print(f"--- {path}\n{text}")
    choice = input(f"{question['ask']} {question['choices']} ")
    return {"choice": choice, "fault": input("What is wrong? ") if choice == "reject" else ""}


async def main(ask: Callable[[dict[str, Any]], Any] = at_the_terminal) -> None:
    """Run until the task has its result, asking whenever it stops."""
    thread: Any = {"configurable": {"thread_id": "1"}}
    async with Cascade.from_file(Path(__file__).with_name("human_approval.yaml")) as cascade:
        graph = cascade.compile(checkpointer=InMemorySaver())
        state: Any = await graph.ainvoke(
            {"task": {"prompt": "Write `double(x)`.", "target": "double.py"}}, thread
        )
        while "__interrupt__" in state:
            answer = ask(state["__interrupt__"][0].value)
            state = await graph.ainvoke(Command(resume=answer), thread)
    result = state["result"]
    print(f"{result['status']} after {len(result['attempts'])} attempts: {result['files']['double.py']!r}")


if __name__ == "__main__":
    asyncio.run(main())
