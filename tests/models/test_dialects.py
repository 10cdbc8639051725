"""Every dialect at a server that refuses what its provider refuses, in the provider's words; and wrong guesses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cascade.errors import ModelError
from cascade.models.base import ModelRequest
from cascade.models.dialects import dialect_of
from cascade.models.openai import OpenAIModel
from cascade.notices import Notice
from cascade.testing import Fault, ScriptedServer
from cascade.types import JsonObject
from tests.models.support import RETRY, FastClock, spec

Refusal = Callable[[Mapping[str, Any]], str | None]
SCHEMA: JsonObject = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
TOOL: JsonObject = {"type": "function", "function": {"name": "out", "parameters": SCHEMA}}
HISTORY: tuple[JsonObject, ...] = (
    {"role": "developer", "content": "Be short. Answer in JSON."},
    {"role": "user", "content": [{"type": "text", "text": "What is"}, {"type": "text", "text": "x?"}]},
    {
        "role": "assistant",
        "content": "",
        "reasoning_content": "let me look",
        "tool_calls": [
            {"id": "call_00_abc", "type": "function", "function": {"name": "out", "arguments": "{}"}}
        ],
    },
    {"role": "tool", "tool_call_id": "call_00_abc", "content": "7"},
    {"role": "user", "content": "go on"},
)
PARAMETERS: dict[str, object] = {
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}},
    "tool_choice": {"type": "function", "function": {"name": "out"}},
    "seed": 1,
}


def roles(*known: str) -> Refusal:
    def refuse(body: Mapping[str, Any]) -> str | None:
        wrong = [row["role"] for row in body["messages"] if row["role"] not in known]
        return (wrong and f"messages[0].role: unknown variant `{wrong[0]}`, expected one of {known}") or None

    return refuse


def strings(body: Mapping[str, Any]) -> str | None:
    listed = any(isinstance(row.get("content"), list) for row in body["messages"])
    return "messages[1]: invalid type: sequence, expected a string at line 1" if listed else None


def key(name: str, said: str) -> Refusal:
    return lambda body: said if body.get(name) is not None else None


def of_message(name: str, said: str) -> Refusal:
    return lambda body: said if any(name in row for row in body["messages"]) else None


def no_schema(body: Mapping[str, Any]) -> str | None:
    kind = (body.get("response_format") or {}).get("type")
    return "This response_format type is unavailable now: json_schema" if kind == "json_schema" else None


def not_forced(body: Mapping[str, Any]) -> str | None:
    forced = body.get("tool_choice") not in (None, "auto", "none")
    return "Thinking mode does not support this tool_choice" if forced else None


def short_ids(body: Mapping[str, Any]) -> str | None:
    ids = [row["tool_call_id"] for row in body["messages"] if "tool_call_id" in row]
    wrong = [one for one in ids if not (len(one) == 9 and one.isalnum())]
    said = f"Tool call id was {wrong} but must be a-z, A-Z, 0-9, with a length of 9."
    return said if wrong else None


def extra(name: str) -> Refusal:
    said = f'[{{"type":"extra_forbidden","loc":["body","{name}"],"msg":"Extra inputs are not permitted"}}]'
    return key(name, said)


MAX_TOKENS = (
    "Unsupported parameter: 'max_tokens' is not supported with this model. "
    "Use 'max_completion_tokens' instead."
)
PROVIDERS: dict[str, tuple[Refusal, ...]] = {
    "deepseek": (
        roles("system", "user", "assistant", "tool"),
        strings,
        no_schema,
        not_forced,
        key("max_completion_tokens", "unknown field `max_completion_tokens`"),
    ),
    "openai": (
        key("max_tokens", MAX_TOKENS),
        of_message("reasoning_content", "Unrecognized request argument: 'reasoning_content' unexpected"),
    ),
    "mistral": (
        roles("system", "user", "assistant", "tool"),
        *(extra(name) for name in ("stream_options", "max_completion_tokens", "user", "seed")),
        of_message(
            "reasoning_content",
            '{"type":"extra_forbidden","loc":["body","messages",2,"assistant","reasoning_content"],'
            '"msg":"Extra inputs are not permitted"}',
        ),
        short_ids,
    ),
    "groq": (
        of_message(
            "reasoning_content",
            "'messages.2' : for 'role:assistant' the following must be satisfied[('messages.2' : property "
            "'reasoning_content' is unsupported)]",
        ),
        key("logprobs", "property 'logprobs' is unsupported"),
    ),
    "anthropic-compatible": (
        not_forced,
        of_message("reasoning_content", "messages.2.reasoning_content: Extra inputs are not permitted"),
        key("response_format", "response_format: Extra inputs are not permitted"),
    ),
    "local": (
        roles("system", "user", "assistant", "tool"),
        strings,
        key("max_completion_tokens", "unknown argument: 'max_completion_tokens'"),
    ),
}


class Strict:
    """Refuses what a provider refuses: 400, in its words."""

    def __init__(self, *refusals: Refusal) -> None:
        self.refusals = refusals
        self.server = ScriptedServer("{}", faults=self._fault)

    def _fault(self, number: int) -> Fault | None:
        body = self.server.log[number - 1].document
        said = next((words for refuse in self.refusals if (words := refuse(body))), None)
        return None if said is None else Fault.of_status(400, message=said)


def asked(notices: list[Notice] | None = None, **parameters: object) -> ModelRequest:
    return ModelRequest(
        messages=HISTORY,
        task_id="t",
        tier="flash",
        tools=(TOOL,),
        extra={**PARAMETERS, **parameters},
        notify=(notices if notices is not None else []).append,
    )


@pytest.mark.parametrize("dialect", PROVIDERS)
async def test_a_request_in_its_dialect_is_taken_at_once(dialect: str) -> None:
    strict = Strict(*PROVIDERS[dialect])
    async with strict.server as server:
        tier = OpenAIModel(spec(server, dialect=dialect, thinking="enabled"), retry=RETRY)
        completion = await tier.generate(asked())
        await tier.aclose()
    assert completion.text == "{}"
    assert len(server.log) == 1


@pytest.mark.parametrize("dialect", PROVIDERS)
async def test_a_wrong_guess_is_learnt_from_the_refusals_and_remembered(dialect: str) -> None:
    strict, notices = Strict(*PROVIDERS[dialect]), list[Notice]()
    async with strict.server as server:
        tier = OpenAIModel(spec(server, dialect="auto"), retry=RETRY)
        await tier.generate(asked(notices))
        first = len(server.log)
        again = await tier.generate(asked(notices))
        await tier.aclose()
    assert len(server.log) == first + 1
    assert len(notices) == first - 1
    assert again.tries == 1
    assert all("dialect" in notice.hint for notice in notices)


async def test_a_refusal_costs_nothing_and_stands_with_the_answers_charges() -> None:
    async with Strict(key("max_tokens", MAX_TOKENS)).server as server:
        tier = OpenAIModel(spec(server), retry=RETRY)
        completion = await tier.generate(asked())
        await tier.aclose()
    assert [charge.billing for charge in completion.charges] == ["none", "reported"]


async def test_what_is_refused_in_every_form_is_the_callers_error_after_one_more_try() -> None:
    def never(body: Mapping[str, Any]) -> str | None:
        return "Unsupported value: 'temperature' does not support 0.2" if body else None

    async with Strict(never).server as server:
        tier = OpenAIModel(spec(server, temperature=0.2), retry=RETRY, clock=FastClock().clock)
        with pytest.raises(ModelError, match="temperature") as caught:
            await tier.generate(asked())
        await tier.aclose()
    assert caught.value.code == "model.request"
    assert len(server.log) == 2


async def test_a_refusal_of_another_kind_teaches_nothing() -> None:
    async with Strict(lambda _: "messages: the user must not be rude").server as server:
        tier = OpenAIModel(spec(server), retry=RETRY)
        with pytest.raises(ModelError, match="rude"):
            await tier.generate(asked())
        await tier.aclose()
    assert len(server.log) == 1


async def test_what_a_form_takes_away_is_said_in_the_prompt() -> None:
    async with Strict(*PROVIDERS["deepseek"]).server as server:
        tier = OpenAIModel(spec(server, dialect="deepseek"), retry=RETRY)
        await tier.generate(asked())
        await tier.aclose()
    first, *_, last = server.log[0].document["messages"]
    assert '"required": ["x"]' in first["content"]
    assert last["content"] == "go on\n\nCall the tool `out`; do not answer in text."
    assert server.log[0].document["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    ("address", "dialect"),
    [
        ("https://api.deepseek.com/v1", "deepseek"),
        ("https://deepseek.com.example.org/v1", "plain"),
        ("https://me.openai.azure.com/openai/deployments/d?api-version=1", "openai"),
        ("https://api.mistral.ai/v1", "mistral"),
        ("https://api.groq.com/openai/v1", "groq"),
        ("https://api.anthropic.com/v1/", "anthropic-compatible"),
        ("https://api.x.ai/v1", "xai"),
        ("http://localhost:8000/v1", "local"),
        ("http://192.168.1.5/v1", "local"),
        ("http://[::1]:8000/v1", "local"),
        ("https://openrouter.ai/api/v1", "plain"),
    ],
)
def test_the_address_tells_the_dialect(address: str, dialect: str) -> None:
    assert dialect_of("auto", address) == dialect
    assert dialect_of("groq", address) == "groq"
