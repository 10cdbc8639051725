"""The real client against a real server: streams, usage, cuts, cancellations, and what goes over the wire."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import ModelError
from cascade.models.base import ModelRequest
from cascade.models.early import EarlyStop
from cascade.models.gate import Clock
from cascade.models.judging import same_model
from cascade.models.messages import assistant_message, tool_message
from cascade.models.openai import OpenAIModel
from cascade.models.spec import EndpointSpec
from cascade.models.transport import http_library
from cascade.testing import Fault, Reply, ScriptedServer
from cascade.testing.faults import every, nth
from cascade.tokens import estimate_tokens
from cascade.types import JsonObject, ToolCall, Usage
from tests.models.support import ANSWER, KEY, RETRY, FastClock, request, spec
from tests.waiting import until

TOOL: JsonObject = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
CALLS = (
    ToolCall(id="c1", name="add", arguments='{"a": 1, "b": 22222222}'),
    ToolCall(id="c2", name="sub", arguments="{}"),
)


def model(server: ScriptedServer, **more: Any) -> OpenAIModel:
    return OpenAIModel(spec(server, **more), retry=RETRY, clock=FastClock().clock)


async def body_of(asked: ModelRequest, **more: Any) -> dict[str, Any]:
    """What the server was sent."""
    async with ScriptedServer(ANSWER) as server:
        tier = model(server, **more)
        await tier.generate(asked)
        await tier.aclose()
        return {"path": server.log[0].path, **server.log[0].document}


async def test_usage_with_cached_and_reasoning_tokens_is_the_servers() -> None:
    usage = Usage(input=900, cached_input=640, output=77, reasoning=40)
    async with ScriptedServer(Reply(text="yes", reasoning="let me see " * 5, usage=usage)) as server:
        tier = model(server)
        completion = await tier.generate(request("word " * 900))
        await tier.aclose()
    assert completion.usage == usage
    assert completion.reasoning == "let me see " * 5
    assert completion.first_token_s is not None
    assert completion.first_token_s <= completion.latency_s


@given(text=st.text(min_size=1, max_size=300).filter(str.strip), piece=st.integers(1, 50))
async def test_what_streams_is_what_is_answered_unstreamed(text: str, piece: int) -> None:
    reply = Reply(text=text, reasoning="why", tool_calls=CALLS)
    async with ScriptedServer(reply, piece=piece) as server:
        tier = model(server)
        deltas: list[str] = []

        def keep(delta: str) -> bool:
            deltas.append(delta)
            return False

        completion = await tier.generate(request(), observe=keep)
        async with http_library().AsyncClient() as plain:
            sent = {"model": "m", "messages": [{"role": "user", "content": "write add"}]}
            answer = (await plain.post(f"{server.base_url}/chat/completions", json=sent)).json()
        await tier.aclose()
    message = answer["choices"][0]["message"]
    assert "".join(deltas) == completion.text == message["content"]
    assert completion.reasoning == message["reasoning_content"]
    assert [call["function"]["arguments"] for call in message["tool_calls"]] == [c.arguments for c in CALLS]
    assert completion.tool_calls == CALLS
    assert completion.usage.output == answer["usage"]["completion_tokens"]


async def test_a_cut_closes_the_connection_and_books_what_was_generated() -> None:
    long = ANSWER + " And so on, for ever." * 400
    async with ScriptedServer(long, piece=8, pace_s=0.001) as server:
        tier, asked = model(server), request()
        completion = await tier.generate(asked, observe=EarlyStop())
        await tier.aclose()
        await until(lambda: not server._open, what="the end of the connection")
        assert not server.log[0].completed
        sent = server.log[0].billed
    assert completion.finish_reason == "cut"
    assert completion.usage.estimated
    assert len(completion.text) < len(ANSWER) + 8
    assert sent.output < estimate_tokens(long) / 4
    assert completion.usage.input == sent.input


async def test_an_answer_that_ends_with_its_block_is_not_cut_and_keeps_its_reported_usage() -> None:
    usage = Usage(input=50, cached_input=40, output=9)
    async with ScriptedServer(Reply(text="```python\nx = 1\n```\n", usage=usage), piece=3) as server:
        tier = model(server)
        completion = await tier.generate(request(), observe=EarlyStop())
        await tier.aclose()
    assert (completion.finish_reason, completion.usage) == ("stop", usage)


async def test_an_estimate_is_corrected_by_what_the_endpoint_reported_before() -> None:
    usage = Usage(input=5, output=10)
    lost = Fault(kind="no_usage")
    async with ScriptedServer(Reply(text="word " * 12, usage=usage), faults=nth(4, lost)) as server:
        tier = model(server)
        found = [(await tier.generate(request())).usage for _ in range(4)]
        await tier.aclose()
    assert found[:3] == [usage] * 3
    assert found[3] == Usage(input=5, output=10, estimated=True)


async def test_a_cancelled_call_closes_the_connection_and_is_booked() -> None:
    async with ScriptedServer("word " * 2000, piece=5, pace_s=0.002) as server:
        tier, asked, begun = model(server), request(), asyncio.Event()

        def listen(_: str) -> bool:
            begun.set()
            return False

        task = asyncio.create_task(tier.generate(asked, observe=listen))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: not server._open, what="the end of the connection")
        assert not server.log[0].completed
        await tier.aclose()
    assert asked.meter is not None
    (charge,) = asked.meter.charges
    assert (charge.error, charge.billing) == ("model.cancelled", "estimated")
    assert 0 < charge.usage.output < estimate_tokens("word " * 2000)


async def test_an_observers_own_fault_is_booked_and_shown() -> None:
    def fault(_: str) -> bool:
        raise RuntimeError("a bug in the observer")

    async with ScriptedServer(ANSWER) as server:
        tier, asked = model(server), request()
        with pytest.raises(RuntimeError):
            await tier.generate(asked, observe=fault)
        await tier.aclose()
    assert asked.meter is not None
    assert asked.meter.usage.input > 0


async def test_a_refused_connection_is_unreachable_and_certainly_not_billed() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    tier = OpenAIModel(
        EndpointSpec(name="flash", model="m", base_url=f"http://127.0.0.1:{port}/v1"),
        retry=RETRY,
        clock=FastClock().clock,
    )
    with pytest.raises(ModelError, match="cannot be reached") as caught:
        await tier.generate(request())
    await tier.aclose()
    assert (caught.value.code, caught.value.tries) == ("model.unreachable", 3)
    assert {charge.billing for charge in caught.value.charges} == {"none"}


async def test_a_server_that_comes_back_is_reached_again() -> None:
    """It waits twice, for its own back-off and for the endpoint's pause: the server comes back in the first."""
    passed_s = 0.0
    async with ScriptedServer(ANSWER) as server:
        await server.stop()

        async def comes_back(wait_s: float) -> None:
            nonlocal passed_s
            if passed_s == 0.0:
                await server.start()
            passed_s += wait_s

        clock = Clock(now=lambda: time.monotonic() + passed_s, sleep=comes_back)
        tier = OpenAIModel(spec(server), retry=RETRY, clock=clock)
        completion = await tier.generate(request())
        await tier.aclose()
    assert (completion.text, completion.tries) == (ANSWER, 2)


async def test_a_fallback_endpoint_answers_and_is_named() -> None:
    broke = every(Fault.of_status(402, message="Insufficient Balance"))
    async with ScriptedServer(ANSWER, faults=broke) as first, ScriptedServer(ANSWER) as second:
        tier = OpenAIModel(spec(first, name="a"), spec(second, name="b", model="m2"), retry=RETRY)
        completion = await tier.generate(request())
        await tier.aclose()
    assert (completion.endpoint, completion.tries) == ("b", 2)
    assert [(charge.endpoint, charge.model) for charge in completion.charges] == [("a", "m"), ("b", "m2")]


async def test_a_wrong_model_may_be_refused() -> None:
    async with ScriptedServer(ANSWER, faults=every(Fault(kind="wrong_model"))) as server:
        tier = model(server, on_wrong_model="refuse")
        with pytest.raises(ModelError, match="answered as another-model") as caught:
            await tier.generate(request())
        await tier.aclose()
    assert caught.value.code == "model.wrong_model"
    assert caught.value.usage is not None
    assert caught.value.usage.output > 0


@pytest.mark.parametrize(
    ("asked", "answered", "same"),
    [
        ("deepseek-v4-flash", "deepseek-flash", True),
        ("deepseek-flash", "deepseek-v4-pro", False),
        ("gpt-4o-mini", "gpt-4o-mini-2024-07-18", True),
        ("deepseek-v4-pro", "deepseek-v4-pro-0813", True),
        ("gpt-4o", "gpt-4", False),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-4", "gpt-4o-2024-08-06", False),
    ],
)
def test_other_names_of_a_model_are_known(asked: str, answered: str, same: bool) -> None:
    assert same_model(asked, answered) is same


async def test_thinking_used_up_all_tokens_is_told_apart_from_a_blank() -> None:
    reply = Reply(text="", reasoning="hm " * 50, finish_reason="length")
    async with ScriptedServer(reply) as server:
        tier = model(server)
        with pytest.raises(ModelError, match="before the answer began") as caught:
            await tier.generate(request())
        await tier.aclose()
        assert len(server.log) == 1, "trying again would cost the same again"
    assert "max_output_tokens" in caught.value.hint


async def test_a_server_out_of_resources_is_tried_again() -> None:
    async with ScriptedServer(
        [Reply(text="half", finish_reason="insufficient_system_resource"), "whole"]
    ) as server:
        tier = model(server)
        completion = await tier.generate(request())
        await tier.aclose()
    assert (completion.text, completion.tries) == ("whole", 2)


async def test_the_request_streams_with_usage_and_the_stable_prefix_byte_for_byte() -> None:
    async with ScriptedServer(ANSWER) as server:
        tier = model(server, temperature=0.2, extra={"seed": 7})
        await tier.generate(request("a"))
        longer = ModelRequest(
            messages=(
                *request("a").messages,
                {"role": "assistant", "content": "x"},
                {"role": "user", "content": "y"},
            ),
            task_id="t",
            tier="flash",
        )
        await tier.generate(longer)
        await tier.aclose()
        first, second = server.log
    assert first.document["stream_options"] == {"include_usage": True}
    assert (first.document["temperature"], first.document["seed"], first.document["max_tokens"]) == (
        0.2,
        7,
        8192,
    )
    start = first.body.index(b'"messages":[') + len(b'"messages":[')
    prefix = first.body[start : first.body.index(b"]", start)]
    assert prefix in second.body
    assert first.headers["authorization"] == f"Bearer {KEY}"


async def test_the_environments_openai_account_is_sent_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-planted")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-planted")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment-planted-key")
    async with ScriptedServer(ANSWER) as server:
        tier = OpenAIModel(EndpointSpec(name="local", model="m", base_url=server.base_url))
        await tier.generate(request())
        await tier.aclose()
        assert "planted" not in json.dumps(dict(server.log[0].headers))


# DeepSeek's additions to the protocol

DEEPSEEK: dict[str, Any] = {"dialect": "deepseek", "model": "deepseek-flash", "on_wrong_model": "ignore"}


async def test_thinking_effort_and_user_id_are_sent() -> None:
    body = await body_of(
        request(), **DEEPSEEK, thinking="enabled", effort="high", user_id="u1", temperature=0.0
    )
    assert (body["thinking"], body["reasoning_effort"], body["user_id"]) == (
        {"type": "enabled"},
        "high",
        "u1",
    )
    assert "temperature" not in body, "it would be ignored in silence"
    plain = await body_of(request(), **DEEPSEEK, thinking="disabled", temperature=0.0)
    assert (plain["thinking"], plain["temperature"]) == ({"type": "disabled"}, 0.0)


async def test_a_tool_round_carries_the_reasoning_back() -> None:
    async with ScriptedServer([Reply(text="", reasoning="add it", tool_calls=CALLS[:1]), "3"]) as server:
        tier = model(server, **DEEPSEEK, thinking="enabled")
        first = await tier.generate(request(tools=(TOOL,)))
        messages = (*request().messages, assistant_message(first), tool_message("c1", "3"))
        await tier.generate(ModelRequest(messages=messages, task_id="t", tier="flash", tools=(TOOL,)))
        await tier.aclose()
        sent = server.log[1].document["messages"][1]
    assert sent["reasoning_content"] == "add it"
    assert sent["tool_calls"][0]["function"]["arguments"] == CALLS[0].arguments


async def refused(asked: ModelRequest, **more: Any) -> ModelError:
    """What is refused before anything is sent."""
    async with ScriptedServer(ANSWER) as server:
        tier = model(server, **more)
        with pytest.raises(ModelError) as caught:
            await tier.generate(asked)
        await tier.aclose()
        assert server.log == [], "nothing was paid for"
    assert caught.value.charges == ()
    return caught.value


@pytest.mark.parametrize(
    ("given", "sent"), [({}, ""), ({"reasoning": "why"}, "why"), ({"reasoning_content": "R"}, "R")]
)
async def test_a_tool_round_by_a_tier_that_did_not_think_goes_on_at_one_that_does(
    given: dict[str, str], sent: str
) -> None:
    call: JsonObject = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    made: JsonObject = {"role": "assistant", "content": "", "tool_calls": [call], **given}
    asked = ModelRequest(messages=(*request().messages, made), task_id="t", tier="flash")
    assert (await body_of(asked, **DEEPSEEK))["messages"][-1]["reasoning_content"] == sent


async def test_json_mode_needs_the_word_json() -> None:
    assert "JSON" in (await refused(request("a list"), json_mode=True)).message
    body = await body_of(request("a list as json"), json_mode=True)
    assert body["response_format"] == {"type": "json_object"}


async def test_strict_tools_and_prefix_completion_go_to_the_beta_address() -> None:
    strict: JsonObject = {"type": "function", "function": {"name": "add", "parameters": {}, "strict": True}}
    body = await body_of(request(tools=(strict,)), **DEEPSEEK)
    assert body["path"] == "/beta/chat/completions"
    begun = ModelRequest(
        messages=(*request().messages, {"role": "assistant", "content": "```python\n"}),
        task_id="t",
        tier="flash",
    )
    body = await body_of(begun, **DEEPSEEK)
    assert body["path"] == "/beta/chat/completions"
    assert body["messages"][-1]["prefix"] is True
    assert (await body_of(request(), **DEEPSEEK))["path"] == "/v1/chat/completions"


async def test_a_retired_name_is_refused_with_the_new_one_and_the_date() -> None:
    failed = await refused(request(), dialect="deepseek", model="deepseek-reasoner")
    assert failed.code == "model.retired"
    assert "2026-07-24" in failed.message
    assert "deepseek-flash" in failed.hint


async def test_what_cannot_fit_is_refused_with_what_to_drop() -> None:
    messages = (
        {"role": "system", "content": "s"},
        {"role": "user", "content": "file " * 4000},
        {"role": "user", "content": "do it"},
    )
    asked = ModelRequest(messages=messages, task_id="t", tier="flash")
    failed = await refused(asked, context_tokens=2000)
    assert failed.code == "model.context"
    assert ": message 2 (user) about 6671, message 3" in failed.message


async def test_the_output_asked_for_leaves_room_for_the_input() -> None:
    body = await body_of(request("word " * 300), context_tokens=1500)
    assert 500 < body["max_tokens"] < 1500


# Secrets


async def test_a_key_in_a_servers_answer_reaches_no_error() -> None:
    said = f"Incorrect API key provided: {KEY}. See https://user:hunter2@x/?api_key=abcdefghi"
    async with ScriptedServer(ANSWER, faults=nth(1, Fault.of_status(401, message=said))) as server:
        tier = model(server)
        with pytest.raises(ModelError) as caught:
            await tier.generate(request())
        await tier.aclose()
    shown = "".join(
        map(repr, (caught.value, caught.value.__cause__, caught.value.__context__, tier.endpoints[0].spec))
    )
    shown += str(caught.value)
    for planted in (KEY, "hunter2", "abcdefghi"):
        assert planted not in shown
    assert "Incorrect API key provided" in str(caught.value)


async def test_no_exception_of_the_client_hangs_on_to_the_request() -> None:
    async with ScriptedServer(ANSWER, faults=every(Fault.of_status(500))) as server:
        tier = model(server)
        with pytest.raises(ModelError) as caught:
            await tier.generate(request())
        await tier.aclose()
    seen: list[str] = []
    error: BaseException | None = caught.value
    while error is not None:
        seen.append(type(error).__module__.split(".")[0])
        error = error.__cause__ or error.__context__
    assert set(seen) == {"cascade"}
