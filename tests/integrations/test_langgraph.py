"""The cascade inside other people's LangGraph graphs."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, UsageMetadataCallbackHandler
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.config import get_config, get_store
from langgraph.graph import END, START, StateGraph
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from cascade.codec import from_json
from cascade.errors import ModelError
from cascade.models.base import Completion, ModelRequest, Observer
from cascade.models.scripted import Reply, ScriptedModel
from cascade.trace import read_trace, verify
from cascade.types import Result
from tests.integrations.conftest import BAD, GOOD, TASK, Rig
from tests.waiting import NEVER_S, until

Build = Callable[..., Rig]
BETA = pytest.mark.filterwarnings("ignore:This API is in beta")


class Shared(TypedDict, total=False):
    """A parent's state which has our keys, and some of its own under names that we use inside."""

    task: dict[str, Any]
    result: dict[str, Any]
    attempts: Annotated[list[str], lambda a, b: a + b]
    decision: str


class Own(TypedDict, total=False):
    """A parent's state without our keys."""

    question: str
    answer: str


def _thread(config: dict[str, Any] | None = None) -> RunnableConfig:
    return {"configurable": {"thread_id": uuid.uuid4().hex, **(config or {})}}


async def test_as_a_node_where_the_state_keys_are_shared(rig: Build) -> None:
    """The parent's own keys of the same names as our inner ones stay as they are."""
    parent = StateGraph(Shared)
    parent.add_node("solve", rig([BAD, GOOD]).cascade.graph)
    parent.add_edge(START, "solve")
    parent.add_edge("solve", END)
    state = await parent.compile().ainvoke({"task": TASK, "attempts": ["theirs"], "decision": "theirs"})
    assert state["result"]["status"] == "accepted"
    assert len(state["result"]["attempts"]) == 2
    assert (state["attempts"], state["decision"]) == (["theirs"], "theirs")


async def test_called_inside_a_node_where_they_are_not(rig: Build) -> None:
    graph = rig([GOOD]).cascade.graph

    async def solve(state: Own) -> Own:
        done = await graph.ainvoke({"task": {"prompt": state["question"], "target": "a.py"}})
        return {"answer": done["result"]["files"]["a.py"]}

    parent = StateGraph(Own)
    parent.add_node("solve", solve)
    parent.add_edge(START, "solve")
    assert (await parent.compile().ainvoke({"question": "Print."}))["answer"] == "print(1)\n"


@BETA
async def test_as_a_runnable_and_as_a_tool(rig: Build) -> None:
    graph = rig([GOOD]).cascade.graph
    chain = graph | (lambda state: state["result"]["tier"])
    assert await chain.ainvoke({"task": TASK}) == "flash"
    tool = graph.as_tool(name="write_code", description="Writes checked code.")
    assert list(tool.args) == ["task"]
    assert (await tool.ainvoke({"task": "Print one."}))["result"]["status"] == "accepted"


@BETA
def test_without_an_event_loop(rig: Build) -> None:
    """`invoke`, `stream` and `batch` work for synchronous parents, too."""
    one = rig([BAD, GOOD])
    state = one.cascade.graph.invoke({"task": TASK})
    assert from_json(Result, state["result"]).attempts[1].verdict
    assert one.calls == (2, 0)
    results = one.cascade.graph.batch([{"task": TASK}, {"task": TASK}])
    assert [each["result"]["status"] for each in results] == ["accepted", "accepted"]
    tool = one.cascade.graph.as_tool(name="write_code", description="Writes checked code.")
    assert tool.invoke({"task": TASK})["result"]["tier"] == "flash"


def _plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(type(key) is str and _plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_plain, value))
    return value is None or type(value) in (str, int, float, bool)


async def test_checkpoints_hold_plain_json_only(rig: Build) -> None:
    saver = InMemorySaver()
    graph = rig([BAD, GOOD]).cascade.compile(checkpointer=saver)
    config = _thread()
    await graph.ainvoke({"task": TASK}, config, durability="sync")
    checkpoints = [saved.checkpoint["channel_values"] async for saved in saver.alist(config)]
    assert len(checkpoints) > 8
    assert all(_plain(values) for values in checkpoints)
    json.dumps(checkpoints)


async def _interrupted_then_resumed(one: Rig, saver: Any) -> Result:
    """Stops before the second answer is checked, and goes on with a graph of another process's making."""
    graph = one.cascade.compile(checkpointer=saver, interrupt_before=["validate"])
    config = _thread()
    await graph.ainvoke({"task": TASK}, config)
    await graph.ainvoke(None, config)
    assert one.calls == (2, 0), "two answers are paid when it stands before the second check"
    assert (await graph.aget_state(config)).next == ("validate",)
    again = Rig([GOOD], [GOOD])
    state = await again.cascade.compile(checkpointer=saver).ainvoke(None, config)
    assert again.calls == (0, 0), "resuming pays nothing again"
    await again.cascade.aclose()
    return from_json(Result, state["result"])


async def test_interrupt_and_resume_pays_nothing_twice(rig: Build) -> None:
    one = rig([BAD, GOOD])
    result = await _interrupted_then_resumed(one, InMemorySaver())
    assert result.status == "accepted"
    assert [attempt.number for attempt in result.attempts] == [1, 2]
    assert result.cost_usd == one.cascade.ledger.total.cost_usd


async def test_both_runs_of_a_resumed_task_leave_whole_traces(rig: Build, tmp_path: Path) -> None:
    saver, config = InMemorySaver(), _thread()
    first = rig([BAD, GOOD], trace_to=tmp_path / "first.jsonl")
    graph = first.cascade.compile(checkpointer=saver, interrupt_before=["validate"])
    await graph.ainvoke({"task": TASK}, config)
    await first.cascade.aclose()
    second = rig([GOOD], trace_to=tmp_path / "second.jsonl")
    state = await second.cascade.compile(checkpointer=saver).ainvoke(None, config)
    await second.cascade.aclose()
    logs = [read_trace(tmp_path / f"{name}.jsonl") for name in ("first", "second")]
    assert all(verify(log).ok for log in logs), [verify(log).problems for log in logs]
    kinds = [event.event for event in logs[1].events]
    assert kinds[:3] == ["run.started", "task.resumed", "validation.finished"]
    spent = sum(verify(log).progress.spent_usd for log in logs)
    assert spent == from_json(Result, state["result"]).cost_usd
    assert len({event.trace_id for log in logs for event in log.events if event.task_id}) == 1


async def test_resumes_from_sqlite(rig: Build, tmp_path: Path) -> None:
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "checkpoints.sqlite")) as saver:
        assert (await _interrupted_then_resumed(rig([BAD, GOOD]), saver)).status == "accepted"


async def test_resumes_from_postgres(rig: Build, postgres: str) -> None:
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

    async with AsyncPostgresSaver.from_conn_string(postgres) as saver:
        await saver.setup()
        assert (await _interrupted_then_resumed(rig([BAD, GOOD]), saver)).status == "accepted"


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
async def test_every_durability(rig: Build, durability: Any) -> None:
    graph = rig([BAD, GOOD]).cascade.compile(checkpointer=InMemorySaver())
    config = _thread()
    await graph.ainvoke({"task": TASK}, config, durability=durability)
    assert (await graph.aget_state(config)).values["result"]["status"] == "accepted"


async def test_a_thread_s_next_task_begins_afresh(rig: Build) -> None:
    one = rig([BAD, GOOD])
    graph = one.cascade.compile(checkpointer=InMemorySaver())
    config = _thread()
    first = await graph.ainvoke({"task": TASK}, config)
    second = await graph.ainvoke({"task": {**TASK, "id": "second"}}, config)
    assert [len(state["result"]["attempts"]) for state in (first, second)] == [2, 1]
    assert second["result"]["id"] == "second"


async def test_a_parent_s_interrupt_and_checkpointer_reach_into_the_cascade(rig: Build) -> None:
    """A parent with a human step after the cascade: resuming it does not run the cascade again."""
    one = rig([BAD, GOOD])

    def approve(state: Shared) -> Shared:
        verdict = interrupt({"files": state["result"]["files"]})
        return {"decision": str(verdict)}

    parent = StateGraph(Shared)
    parent.add_node("solve", one.cascade.graph)
    parent.add_node("approve", approve)
    parent.add_edge(START, "solve")
    parent.add_edge("solve", "approve")
    graph = parent.compile(checkpointer=InMemorySaver())
    config = _thread()
    held = await graph.ainvoke({"task": TASK}, config)
    assert held["__interrupt__"][0].value == {"files": {"a.py": "print(1)\n"}}
    done = await graph.ainvoke(Command(resume="yes"), config)
    assert (done["decision"], one.calls) == ("yes", (2, 0))


async def test_a_parent_resumes_in_the_middle_of_the_cascade(rig: Build) -> None:
    """The parent's checkpointer keeps the subgraph's steps: an interrupt inside resumes inside."""
    one = rig([BAD, GOOD])
    parent = StateGraph(Shared)
    parent.add_node("solve", one.cascade.compile(interrupt_before=["decide"]))
    parent.add_edge(START, "solve")
    graph = parent.compile(checkpointer=InMemorySaver())
    config = _thread()
    await graph.ainvoke({"task": TASK}, config)
    assert one.calls == (1, 0)
    await graph.ainvoke(None, config)
    assert one.calls == (2, 0)
    state = await graph.ainvoke(None, config)
    assert (state["result"]["status"], one.calls) == ("accepted", (2, 0))


async def test_stream_modes_reach_through_a_parent(rig: Build) -> None:
    parent = StateGraph(Shared)
    parent.add_node("solve", rig([BAD, GOOD]).cascade.graph)
    parent.add_edge(START, "solve")
    seen: dict[str, list[Any]] = {}
    modes: Any = ["values", "updates", "custom", "tasks", "debug"]
    async for namespace, mode, chunk in parent.compile().astream(
        {"task": TASK}, stream_mode=modes, subgraphs=True
    ):
        seen.setdefault(mode, []).append((namespace, chunk))
    assert set(seen) == set(modes)
    inner = [next(iter(chunk)) for namespace, chunk in seen["updates"] if namespace]
    assert inner == ["classify", *["generate", "extract", "validate", "decide"] * 2]
    names = [type(chunk).__name__ for _, chunk in seen["custom"]]
    assert (names[0], names[-1], names.count("AttemptEnded")) == ("Routed", "Finished", 2)


class Nosy(ScriptedModel):
    """A model that looks at what LangGraph passes through."""

    seen: dict[str, Any]

    async def generate(self, request: ModelRequest, *, observe: Observer | None = None) -> Completion:
        item = await get_store().aget(("house",), "style")
        self.seen = {"store": item and item.value, "user": get_config()["configurable"]["user"]}
        return await super().generate(request, observe=observe)


class Heard(AsyncCallbackHandler):
    """Writes down which nodes ran, with the tags and metadata that their config carried."""

    def __init__(self) -> None:
        self.nodes: list[str] = []

    async def on_chain_start(self, *_: Any, metadata: dict[str, Any] | None = None, **more: Any) -> None:
        found = metadata or {}
        if found.get("team") == "blue" and more.get("name") == found.get("langgraph_node"):
            self.nodes.append(found["langgraph_node"])


async def test_their_config_callbacks_and_store_are_passed_through(rig: Build) -> None:
    one = rig([GOOD])
    nosy = Nosy([GOOD], model="f")
    one.cascade._wired.services.tiers["flash"].model.generate = nosy.generate  # type: ignore[method-assign]
    store = InMemoryStore()
    await store.aput(("house",), "style", {"quotes": "double"})
    parent = StateGraph(Shared)
    parent.add_node("solve", one.cascade.graph)
    parent.add_edge(START, "solve")
    heard = Heard()
    config: RunnableConfig = {
        "callbacks": [heard],
        "metadata": {"team": "blue"},
        "configurable": {"user": "ada"},
    }
    await parent.compile(store=store).ainvoke({"task": TASK}, config)
    assert nosy.seen == {"store": {"quotes": "double"}, "user": "ada"}
    assert heard.nodes == ["solve", "classify", "generate", "extract", "validate", "decide"]


async def test_what_is_no_task_is_said_so(rig: Build) -> None:
    from cascade.errors import InputError

    with pytest.raises(InputError, match="prompt"):
        await rig([GOOD]).cascade.graph.ainvoke({"task": {"promt": "typo"}})


class Calls(AsyncCallbackHandler):
    """What a tracer hears of calls to models."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def on_chat_model_start(self, serialized: Any, messages: Any, **more: Any) -> None:
        self.heard.append(f"{more['name']}: {messages[0][-1].content[:10]}")

    async def on_llm_end(self, response: Any, **_: Any) -> None:
        self.heard.append(response.generations[0][0].message.content)

    async def on_llm_error(self, error: BaseException, **_: Any) -> None:
        self.heard.append(str(error))


async def test_messages_mode_streams_every_attempt_by_its_tokens(rig: Build) -> None:
    parent = StateGraph(Shared)
    parent.add_node(
        "solve", rig([BAD], [GOOD], policy={"use": "fixed", "order": ["flash", "pro"]}).cascade.graph
    )
    parent.add_edge(START, "solve")
    texts: dict[str, str] = {}
    chunks: Any = parent.compile().astream({"task": TASK}, stream_mode="messages", subgraphs=True)
    async for _, (message, metadata) in chunks:
        texts[message.id] = texts.get(message.id, "") + message.content
        assert metadata["langgraph_node"] == "generate"
    assert list(texts.values()) == [BAD, GOOD]


async def test_tracers_and_token_counters_see_each_call(rig: Build) -> None:
    one = rig([ModelError("down", code="model.server")], [GOOD])
    calls, counter = Calls(), UsageMetadataCallbackHandler()
    await one.cascade.graph.ainvoke({"task": TASK}, {"callbacks": [calls, counter]})
    assert calls.heard == ["flash: Print one.", "down", "pro: Print one.", GOOD]
    total = one.cascade.ledger.total.usage
    assert counter.usage_metadata["p"]["input_tokens"] == total.input


async def test_a_cancelled_call_is_told_as_such(rig: Build) -> None:
    calls = Calls()
    one = rig([Reply(text=GOOD, delay_s=NEVER_S)])
    running = asyncio.create_task(one.cascade.graph.ainvoke({"task": TASK}, {"callbacks": [calls]}))
    await until(lambda: one.calls != (0, 0), what="the call")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert calls.heard[1:] == ["the call was cancelled"]


async def test_run_inside_a_node_of_a_checkpointed_parent_stands_alone(rig: Build) -> None:
    """`cascade.run` twice in one node: two tasks, and none of the parent's checkpoints or callbacks in between."""
    one = rig([GOOD])
    calls = Calls()

    async def solve(state: Own) -> Own:
        results = [await one.cascade.run("Print one.") for _ in range(2)]
        return {"answer": " ".join(result.status for result in results)}

    parent = StateGraph(Own)
    parent.add_node("solve", solve)
    parent.add_edge(START, "solve")
    config: RunnableConfig = {**_thread(), "callbacks": [calls]}
    state = await parent.compile(checkpointer=InMemorySaver()).ainvoke({"question": "?"}, config)
    assert (state["answer"], one.calls, calls.heard) == ("accepted accepted", (2, 0), [])
