"""LangChain: agents whose model calls are cascades, a chat model that is one, chat models as tiers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from cascade import Cascade, Task
from cascade.config import from_mapping
from cascade.errors import BudgetExhaustedError, ModelError
from cascade.integrations.langchain import CascadeChatModel, CascadeMiddleware, LangChainModel
from cascade.models.scripted import Reply
from cascade.types import ToolCall, Usage
from tests.integrations.conftest import BAD, GOOD, TASK, Rig, declared

Build = Callable[..., Rig]


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"It is sunny in {city}."


def calling(arguments: str, name: str = "weather", number: int = 1) -> Reply:
    call = ToolCall(id=f"c{number}", name=name, arguments=arguments)
    return Reply(tool_calls=(call,), finish_reason="tool_calls")


def _never() -> GenericFakeChatModel:
    """The agent's own model, which must not be called."""
    return GenericFakeChatModel(messages=iter([]))


ASK: Any = {"messages": [{"role": "user", "content": "What is the weather in Oslo?"}]}


def _agent(one: Rig, **more: Any) -> Any:
    return create_agent(model=_never(), tools=[weather], middleware=[CascadeMiddleware(one.cascade)], **more)


def _check_agent(state: dict[str, Any], one: Rig) -> None:
    kinds = [type(message) for message in state["messages"]]
    assert kinds == [HumanMessage, AIMessage, ToolMessage, AIMessage]
    assert state["messages"][2].content == "It is sunny in Oslo."
    assert state["messages"][-1].content == "Sunny."
    assert one.calls == (3, 1), "two misshapen calls, the strong tier's right one, then the cheap tier again"
    facts = state["messages"][1].response_metadata["cascade"]
    assert (facts["tier"], facts["attempts"], facts["status"]) == ("pro", 3, "accepted")


MISSHAPEN = calling('{"town": "Oslo"}')
RIGHT = calling('{"city": "Oslo"}')


async def test_an_agent_s_misshapen_call_is_fed_back_then_escalated(rig: Build) -> None:
    """The agent sees the right call only; the tool runs once."""
    one = rig([MISSHAPEN, MISSHAPEN, "Sunny."], [RIGHT])
    _check_agent(await _agent(one).ainvoke(ASK), one)
    assert "'city' is a required property" in str(one.flash.requests[1].messages)


def test_the_same_without_an_event_loop(rig: Build) -> None:
    one = rig([MISSHAPEN, MISSHAPEN, "Sunny."], [RIGHT])
    _check_agent(_agent(one).invoke(ASK), one)


async def test_parallel_calls_of_one_answer_are_all_executed(rig: Build) -> None:
    calls = tuple(
        ToolCall(id=f"c{n}", name="weather", arguments=f'{{"city": "{city}"}}')
        for n, city in enumerate(["Oslo", "Rome"])
    )
    state = await _agent(rig([Reply(tool_calls=calls), "Both sunny."])).ainvoke(ASK)
    results = [message.content for message in state["messages"] if isinstance(message, ToolMessage)]
    assert results == ["It is sunny in Oslo.", "It is sunny in Rome."]


class Report(BaseModel):
    """A report on the weather."""

    city: str
    degrees: int


async def test_structured_output_by_a_tool_is_checked(rig: Build) -> None:
    wrong = calling('{"city": "Oslo", "degrees": "warm"}', name="Report")
    right = calling('{"city": "Oslo", "degrees": 21}', name="Report")
    one = rig([wrong, right])
    state = await _agent(one, response_format=ToolStrategy(Report)).ainvoke(ASK)
    assert state["structured_response"] == Report(city="Oslo", degrees=21)
    assert one.calls == (2, 0)


async def test_structured_output_by_the_provider_is_checked(rig: Build) -> None:
    one = rig(["Oslo has 21 degrees.", '{"city": "Oslo"}'], ['{"city": "Oslo", "degrees": 21}'])
    state = await _agent(one, response_format=ProviderStrategy(Report)).ainvoke(ASK)
    assert state["structured_response"] == Report(city="Oslo", degrees=21)
    assert one.calls == (2, 1)


async def test_the_chat_model_counts_every_attempt(rig: Build) -> None:
    """Its usage is what was billed, so that LangChain's own counters are right."""
    first = Reply(text="no JSON", usage=Usage(input=100, cached_input=40, output=10))
    second = Reply(text="{}", usage=Usage(input=120, output=5, reasoning=2))
    model = CascadeChatModel(cascade=rig([first, second]).cascade)
    counter = UsageMetadataCallbackHandler()
    answer = await model.ainvoke(
        "An empty object, please.", config={"callbacks": [counter]}, response_format={"type": "json_object"}
    )
    assert answer.content == "{}"
    assert answer.usage_metadata is not None
    assert (answer.usage_metadata["input_tokens"], answer.usage_metadata["output_tokens"]) == (220, 15)
    assert counter.usage_metadata["f"]["input_token_details"]["cache_read"] == 40
    assert answer.response_metadata["cascade"]["attempts"] == 2


async def test_it_streams_live_where_nothing_is_checked(rig: Build) -> None:
    model = CascadeChatModel(cascade=rig(["One two three four five."]).cascade)
    chunks = [chunk async for chunk in model.astream("Count.")]
    assert len([chunk for chunk in chunks if chunk.content]) > 3
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert isinstance(whole, AIMessageChunk)
    assert whole.content == "One two three four five."
    assert whole.response_metadata["cascade"]["tier"] == "flash"


async def test_tool_calls_are_streamed_when_they_stand(rig: Build) -> None:
    model = CascadeChatModel(cascade=rig([MISSHAPEN, RIGHT]).cascade).bind_tools([weather])
    whole: Any = None
    async for chunk in model.astream("Weather in Oslo?"):
        whole = chunk if whole is None else whole + chunk
    assert [(call["name"], call["args"]) for call in whole.tool_calls] == [("weather", {"city": "Oslo"})]


async def test_the_history_goes_through_as_it_was(rig: Build) -> None:
    """Tool calls with their reasoning, results, parts of text."""
    one = rig(["Fine."])
    history = [
        HumanMessage([{"type": "text", "text": "Weather?"}]),
        AIMessage(
            "",
            tool_calls=[{"name": "weather", "args": {"city": "Oslo"}, "id": "c1", "type": "tool_call"}],
            additional_kwargs={"reasoning_content": "I should ask."},
        ),
        ToolMessage("Sunny.", tool_call_id="c1"),
    ]
    await CascadeChatModel(cascade=one.cascade).ainvoke(history)
    sent: Any = one.flash.requests[0].messages
    assert sent[1]["reasoning_content"] == "I should ask."
    assert sent[1]["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city": "Oslo"}'}
    assert sent[2] == {"role": "tool", "tool_call_id": "c1", "content": "Sunny."}


async def test_no_answer_is_an_error(rig: Build) -> None:
    down = ModelError("down", code="model.server")
    with pytest.raises(ModelError, match="down"):
        await CascadeChatModel(cascade=rig([down], [down]).cascade).ainvoke("Hello?")
    with pytest.raises(BudgetExhaustedError):
        await CascadeChatModel(cascade=rig(["ok"], budget={"per_task_usd": 0.0000001}).cascade).ainvoke(
            "Hello?"
        )


async def test_it_may_be_asked_for_code_that_is_checked(rig: Build) -> None:
    """With validators for code the answer's blocks are checked as files."""
    one = rig([BAD, GOOD])
    model = CascadeChatModel(cascade=one.cascade, validators=("syntax",))
    assert (await model.ainvoke("Print one.")).content == GOOD


@pytest.fixture
async def with_fakes() -> AsyncGenerator[Callable[..., Cascade]]:
    """Builds cascades whose tiers are LangChain's chat models."""
    built: list[Cascade] = []

    def build(**models: GenericFakeChatModel) -> Cascade:
        tiers = {name: LangChainModel(model, name=f"fake-{name}") for name, model in models.items()}
        built.append(Cascade.from_config(from_mapping(declared()), models=tiers))
        return built[-1]

    yield build
    for cascade in built:
        await cascade.aclose()


def _says(*answers: AIMessage | str) -> GenericFakeChatModel:
    return GenericFakeChatModel(messages=iter(answers))


async def test_a_chat_model_is_a_tier(with_fakes: Callable[..., Cascade]) -> None:
    cascade = with_fakes(flash=_says(BAD, BAD), pro=_says(GOOD))
    result = await cascade.run(Task(prompt=TASK["prompt"], target="a.py"))
    assert (result.status, result.tier, len(result.attempts)) == ("accepted", "pro", 3)
    assert all(attempt.usage.estimated and attempt.cost_usd for attempt in result.attempts)


async def test_a_chat_model_s_fault_is_a_failed_call(with_fakes: Callable[..., Cascade]) -> None:
    cascade = with_fakes(flash=_says(), pro=_says(GOOD))
    result = await cascade.run(Task(prompt=TASK["prompt"], target="a.py"))
    assert (result.attempts[0].error, result.tier) == ("model.provider", "pro")


async def test_many_agents_at_once_share_one_cascade(rig: Build) -> None:
    one = rig(["Sunny."])
    agent = _agent(one)
    states = await asyncio.gather(*(agent.ainvoke(ASK) for _ in range(20)))
    assert {state["messages"][-1].content for state in states} == {"Sunny."}
    assert one.cascade.ledger.total.attempts == 20
