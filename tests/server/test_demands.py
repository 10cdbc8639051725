"""What a request itself demands is checked: tool calls by their schemas, `tool_choice`, `response_format`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cascade.models.scripted import Reply
from cascade.types import ToolCall
from tests.server.conftest import Serve
from tests.server.test_chat import HELLO, WEATHER


def calling(arguments: str, name: str = "weather") -> Reply:
    call = ToolCall(id="c1", name=name, arguments=arguments)
    return Reply(tool_calls=(call,), finish_reason="tool_calls")


GOOD_CALL = calling('{"city": "Oslo"}')


@pytest.mark.parametrize(
    "wrong",
    [
        calling('{"town": "Oslo"}'),
        calling('{"city": 7}'),
        calling('{"city": "Os'),
        calling('{"city": "Oslo"}', name="wheather"),
    ],
)
async def test_a_misshapen_call_is_fed_back_and_mended_before_the_client_sees_it(
    served: Serve, wrong: Reply
) -> None:
    server = await served([wrong, GOOD_CALL])
    answer = await server.client().chat.completions.create(model="cascade", messages=HELLO, tools=[WEATHER])
    (made,) = answer.choices[0].message.tool_calls
    assert json.loads(made.function.arguments) == {"city": "Oslo"}
    assert server.rig.calls == (2, 0)
    assert "failed its checks" in str(server.rig.flash.requests[1].messages)


async def test_a_tier_that_cannot_call_is_escalated_and_the_ledger_says_what_it_cost(served: Serve) -> None:
    wrong = calling('{"city": 7}')
    server = await served([wrong, wrong], [GOOD_CALL])
    answer = await server.client().chat.completions.create(model="cascade", messages=HELLO, tools=[WEATHER])
    facts = answer.usage.model_extra["cascade"]
    assert (facts["tier"], facts["attempts"], facts["status"]) == ("pro", 3, "accepted")
    by_tier = server.rig.cascade.ledger.by_tier()
    assert {tier: sums.attempts for tier, sums in by_tier.items()} == {"flash": 2, "pro": 1}


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}])
async def test_a_call_that_was_demanded_is_insisted_on(served: Serve, choice: Any) -> None:
    server = await served(["It is sunny.", GOOD_CALL])
    answer = await server.client().chat.completions.create(
        model="cascade", messages=HELLO, tools=[WEATHER], tool_choice=choice
    )
    assert answer.choices[0].finish_reason == "tool_calls"


async def test_full_history_shows_the_failed_call_and_that_it_was_not_executed(served: Serve) -> None:
    server = await served(
        [calling('{"city": 7}'), GOOD_CALL],
        tiers={
            name: {
                "model": name,
                "base_url": "http://127.0.0.1:9/v1",
                "price": {"input": 1, "output": 2},
                "history": "full",
            }
            for name in ("flash", "pro")
        },
    )
    await server.client().chat.completions.create(model="cascade", messages=HELLO, tools=[WEATHER])
    made, result, told = server.rig.flash.requests[1].messages[-3:]
    assert made["tool_calls"][0]["function"]["arguments"] == '{"city": 7}'
    assert (result["role"], result["tool_call_id"]) == ("tool", "c1")
    assert "not executed" in told["content"]


SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("wrong", ["Here you are: seven.", '{"n": "seven"}', "[]", '{"n": 7} and more'])
async def test_a_format_that_was_asked_for_is_kept(served: Serve, wrong: str) -> None:
    server = await served([wrong, '{"n": 7}'])
    answer = await server.client().chat.completions.create(
        model="cascade",
        messages=HELLO,
        response_format={"type": "json_schema", "json_schema": {"name": "number", "schema": SCHEMA}},
    )
    assert answer.choices[0].message.content == '{"n": 7}'
    assert server.rig.calls == (2, 0)


async def test_a_schema_of_a_request_fetches_nothing(served: Serve) -> None:
    """A reference to an address is not followed: the answer is unchecked, and given back."""
    schema = {"$ref": "http://127.0.0.1:1/schema.json"}
    server = await served(['{"n": 7}'])
    answer = await server.client().chat.completions.create(
        model="cascade",
        messages=HELLO,
        response_format={"type": "json_schema", "json_schema": {"name": "number", "schema": schema}},
    )
    assert answer.usage.model_extra["cascade"]["verdict"] == "unchecked"
