"""Chat completions by a cascade, asked by the real openai client."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import openai
import pytest

from cascade.errors import ModelError
from cascade.models.scripted import Reply
from cascade.models.spec import Secret
from cascade.server import ServerOptions
from cascade.types import ToolCall, Usage
from tests.integrations.conftest import BAD, GOOD
from tests.server.conftest import Serve
from tests.waiting import HANGS_S, NEVER_S, until

HELLO: Any = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hello?"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


async def test_a_conversation_is_answered_and_accounted_for(served: Serve) -> None:
    """Messages go to the model as they are; tier and cost stand in the headers and in the usage."""
    reply = Reply(text="Hi.", usage=Usage(input=1000, cached_input=400, output=20, reasoning=5))
    server = await served([reply])
    raw = await server.client().chat.completions.with_raw_response.create(model="cascade", messages=HELLO)
    answer = raw.parse()
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("Hi.", "stop")
    assert answer.usage.prompt_tokens_details.cached_tokens == 400
    assert answer.usage.completion_tokens_details.reasoning_tokens == 5
    facts = answer.usage.model_extra["cascade"]
    assert Decimal(facts["cost_usd"]) == Decimal("0.00104")
    assert raw.headers["x-cascade-tier"] == "flash"
    assert Decimal(raw.headers["x-cascade-cost-usd"]) == Decimal("0.00104")
    assert raw.headers["x-request-id"] == answer.id
    assert list(server.rig.flash.requests[0].messages) == HELLO


async def test_without_checks_an_answer_streams_as_it_is_written(served: Serve) -> None:
    """The first piece is there before the model has ended."""
    gate = asyncio.Event()
    server = await served(["One two three four five six."])
    inner = server.rig.flash.generate

    async def slow(request: Any, *, observe: Any = None) -> Any:
        observe("One ")
        await gate.wait()
        return await inner(request, observe=lambda piece: False)

    server.rig.flash.generate = slow
    stream = await server.client().chat.completions.create(
        model="cascade", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    pieces, usage = [], None
    async for chunk in stream:
        usage = chunk.usage or usage
        if chunk.choices and chunk.choices[0].delta.content:
            pieces.append(chunk.choices[0].delta.content)
            gate.set()
    assert pieces == ["One "]
    assert usage is not None
    assert usage.model_extra["cascade"]["tier"] == "flash"


async def test_a_checked_answer_is_mended_before_a_client_sees_any_of_it(served: Serve) -> None:
    server = await served([BAD, BAD], [GOOD])
    asked: Any = {"cascade": {"target": "a.py", "validators": ["syntax"], "metadata": {"kind": "code"}}}
    text, usage = "", None
    async for chunk in await server.client().chat.completions.create(
        model="cascade",
        messages=HELLO,
        stream=True,
        stream_options={"include_usage": True},
        extra_body=asked,
    ):
        text += "".join(choice.delta.content or "" for choice in chunk.choices)
        usage = chunk.usage or usage
    assert text == GOOD
    assert usage is not None
    facts = usage.model_extra["cascade"]
    assert (facts["status"], facts["tier"], facts["attempts"]) == ("accepted", "pro", 3)
    assert facts["billed"]["total_tokens"] > usage.total_tokens
    retried = server.rig.flash.requests[1].messages
    assert retried[:-1] == tuple(HELLO[:-1])
    assert "failed its checks" in retried[-1]["content"]


async def test_a_long_tool_history_with_parallel_calls_goes_through_unchanged(served: Serve) -> None:
    """The way of an agent's command line: many rounds, several calls in one, results as text parts."""
    history: list[Any] = [*HELLO]
    for turn in range(60):
        calls = [
            {
                "id": f"call_{turn}_{n}",
                "type": "function",
                "function": {"name": "weather", "arguments": json.dumps({"city": f"city {n}"})},
            }
            for n in range(3)
        ]
        history.append({"role": "assistant", "content": None, "tool_calls": calls})
        history += [
            {"role": "tool", "tool_call_id": call["id"], "content": [{"type": "text", "text": "sunny " * 40}]}
            for call in calls
        ]
    calls_made = tuple(
        ToolCall(id=f"new_{n}", name="weather", arguments=json.dumps({"city": name}))
        for n, name in enumerate(["Oslo", "Rome"])
    )
    server = await served(
        [Reply(tool_calls=calls_made, finish_reason="tool_calls", reasoning="Two at once.")]
    )
    answer = await server.client().chat.completions.create(
        model="cascade", messages=history, tools=[WEATHER], tool_choice="auto", parallel_tool_calls=True
    )
    made = answer.choices[0].message.tool_calls
    assert [(call.id, json.loads(call.function.arguments)) for call in made] == [
        ("new_0", {"city": "Oslo"}),
        ("new_1", {"city": "Rome"}),
    ]
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.reasoning_content == "Two at once."
    request = server.rig.flash.requests[0]
    assert (list(request.messages), list(request.tools)) == (history, [WEATHER])
    assert request.extra == {"tool_choice": "auto", "parallel_tool_calls": True}


async def test_tool_calls_stream_with_their_indices(served: Serve) -> None:
    calls = tuple(ToolCall(id=f"c{n}", name="weather", arguments='{"city": "Oslo"}') for n in range(2))
    server = await served([Reply(tool_calls=calls, finish_reason="tool_calls")])
    strict: Any = {
        **WEATHER,
        "function": {**WEATHER["function"], "strict": True},
    }  # openai 2 parses only these
    async with server.client().chat.completions.stream(
        model="cascade", messages=HELLO, tools=[strict]
    ) as stream:
        await stream.until_done()
        answer = await stream.get_final_completion()
    made = answer.choices[0].message.tool_calls
    assert [(call.id, call.function.arguments) for call in made] == [
        ("c0", '{"city": "Oslo"}'),
        ("c1", '{"city": "Oslo"}'),
    ]
    assert answer.choices[0].finish_reason == "tool_calls"


async def test_the_models_are_listed(served: Serve) -> None:
    client = (await served(["ok"])).client()
    assert [model.id async for model in client.models.list()] == ["cascade"]
    assert (await client.models.retrieve("cascade")).owned_by == "cascade"
    with pytest.raises(openai.NotFoundError, match="gpt"):
        await client.chat.completions.create(model="gpt", messages=HELLO)


async def test_no_answer_is_an_error_that_the_client_does_not_retry(served: Serve) -> None:
    """The tiers were retried already: a client with retries of its own asks once."""
    server = await served(
        [ModelError("the server is down", code="model.server")],
        [ModelError("the other is down", code="model.server")],
        policy={"use": "threshold", "start": 0.0, "attempts": {"flash": 1, "pro": 1}},
    )
    client = server.client(max_retries=3)
    with pytest.raises(openai.InternalServerError, match="down"):
        await client.chat.completions.create(model="cascade", messages=HELLO)
    assert server.rig.calls == (1, 1)


async def test_an_empty_budget_is_402(served: Serve) -> None:
    server = await served(["ok"], budget={"per_task_usd": 0.0000001})
    with pytest.raises(openai.APIStatusError) as caught:
        await server.client().chat.completions.create(model="cascade", messages=HELLO)
    assert caught.value.status_code == 402
    assert server.rig.calls == (0, 0)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages.0.role"),
        ({"messages": HELLO, "n": 3}, "n"),
        ({"messages": HELLO, "tools": [{"type": "function", "function": {}}]}, "tools.0.function.name"),
        ({"messages": HELLO, "cascade": {"workspace": "/etc"}}, "cascade.workspace"),
    ],
)
async def test_a_wrong_request_is_refused_with_its_place(
    served: Serve, body: dict[str, Any], param: str
) -> None:
    server = await served(["ok"])
    with pytest.raises(openai.BadRequestError) as caught:
        await server.client().post("/chat/completions", body={"model": "cascade", **body}, cast_to=object)
    assert caught.value.param == param
    assert server.rig.calls == (0, 0)


async def test_an_unknown_validator_is_refused(served: Serve) -> None:
    server = await served(["ok"])
    with pytest.raises(openai.BadRequestError, match="nonsense"):
        await server.client().chat.completions.create(
            model="cascade", messages=HELLO, extra_body={"cascade": {"validators": ["nonsense"]}}
        )


async def test_a_key_is_asked_for(served: Serve) -> None:
    server = await served(["ok"], options=ServerOptions(key=Secret("open sesame")))
    web = server.client("open sesame")._client
    for wrong in ("wrong", "open sesam", "öpen sesame", "x" * 5000):
        answer = await web.get(
            f"{server.base_url}/models", headers=[(b"authorization", f"Bearer {wrong}".encode())]
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
    with pytest.raises(openai.AuthenticationError):
        await server.client("wrong").models.list()
    assert (await server.client("open sesame").models.list()).data
    health = await server.client()._client.get(server.base_url.replace("/v1", "/health"))
    assert health.json()["status"] == "ok"


async def test_bodies_and_requests_at_once_are_limited(served: Serve) -> None:
    server = await served(
        [Reply(text="ok", delay_s=0.2)], options=ServerOptions(max_body_bytes=2000, max_concurrency=1)
    )
    client = server.client()
    with pytest.raises(openai.APIStatusError) as caught:
        await client.chat.completions.create(
            model="cascade", messages=[{"role": "user", "content": "x" * 3000}]
        )
    assert caught.value.status_code == 413

    async def many() -> Any:
        for _ in range(30):
            yield b"x" * 100

    chunked = await client._client.post(f"{server.base_url}/chat/completions", content=many())
    assert chunked.status_code == 413
    calls = [client.chat.completions.create(model="cascade", messages=HELLO) for _ in range(3)]
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(each, openai.RateLimitError) for each in ended) == 2


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_ends_the_call(served: Serve, *, stream: bool) -> None:
    """The call is cancelled and booked; nothing goes on in the background."""
    server = await served([Reply(text="late", delay_s=NEVER_S)])

    async def ask() -> None:
        answer = await server.client().chat.completions.create(model="cascade", messages=HELLO, stream=stream)
        if stream:
            async with answer:
                async for _ in answer:
                    pass

    asking = asyncio.create_task(ask())
    await until(lambda: server.rig.flash.requests, what="the call")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await until(lambda: server.rig.cascade.ledger.entries, what="the entry in the books")
    assert [entry.error for entry in server.rig.cascade.ledger.entries] == ["model.cancelled"]


async def test_comments_keep_a_waiting_stream_alive(served: Serve) -> None:
    """The answer comes only when three of them have been read."""
    server = await served([GOOD], options=ServerOptions(keep_alive_s=0.03))
    answer, enough, said = server.rig.flash.generate, asyncio.Event(), ""

    async def waits(*asked: Any, **more: Any) -> Any:
        await enough.wait()
        return await answer(*asked, **more)

    server.rig.flash.generate = waits
    body = {"model": "cascade", "messages": HELLO, "stream": True, "cascade": {"target": "a.py"}}
    url = f"{server.base_url}/chat/completions"
    async with server.client()._client.stream("POST", url, json=body, timeout=HANGS_S) as raw:
        async for text in raw.aiter_text():
            said += text
            if said.count(": working") >= 3:
                enough.set()
    assert said.endswith("data: [DONE]\n\n")
