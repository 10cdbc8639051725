"""A LangChain agent whose every model call is a cascade: calls are checked against the tools' schemas.

pip install 'cascade-router[langchain]'; python examples/langchain_agent.py
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from langchain.agents import create_agent
from langchain_core.tools import tool

from cascade import Cascade
from cascade.integrations.langchain import CascadeChatModel, CascadeMiddleware


@tool
def weather(city: str, day: str) -> str:
    """The weather in a city on a day (today, tomorrow)."""
    return f"{city}, {day}: sunny, 21 degrees"


async def main() -> None:
    """Ask once; print what was said and which tier said it."""
    async with Cascade.from_file(Path(__file__).with_name("cascade.yaml")) as cascade:
        agent = create_agent(
            model=CascadeChatModel(cascade=cascade),  # with the middleware any model may stand here
            tools=[weather],
            middleware=[CascadeMiddleware(cascade)],
        )
        state = await agent.ainvoke(
            {"messages": [{"role": "user", "content": "Do I need an umbrella in Oslo tomorrow?"}]}
        )
        for message in state["messages"]:
            facts = message.response_metadata.get("cascade")
            told = f"  [{facts['tier']}, {facts['attempts']} attempts, ${facts['cost_usd']}]" if facts else ""
            print(f"{message.type}: {message.text or [call['args'] for call in message.tool_calls]}{told}")
        print(f"in all: ${cascade.ledger.total.cost_usd}")


if __name__ == "__main__":
    asyncio.run(main())
