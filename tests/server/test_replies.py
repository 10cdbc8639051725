"""Texts, headers and tool calls of an answer, whatever a model or a client wrote."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from cascade.codec import dump_json
from cascade.errors import InputError
from cascade.results import ResultsWriter, read_finished
from cascade.server.answers import completion, headers
from cascade.server.replies import JsonReply, header_value
from cascade.server.wire import parse
from cascade.toolchoice import ToolChoice, declared_tools, is_older_protocol
from cascade.types import Attempt, Candidate, JsonObject, Result, Task, ToolCall, Verdict
from cascade.wiring.conversation import ConversationChecks

FUNCTION: JsonObject = {"name": "f", "parameters": {"type": "object", "properties": {}}}
CALL = ToolCall(id="c1", name="f", arguments="{}")


@pytest.mark.parametrize(
    "name", ["通义千问-max", "flash\r\nset-cookie: a=b", "ü", "100%", "\ud83d", "plain-1.5"]
)
def test_any_name_of_a_model_is_a_header(name: str) -> None:
    attempt = Attempt(number=1, tier="flash", model="m", answered_by=name)
    shown = headers(Result(id="r", status="accepted", attempts=(attempt,), given=1))["x-cascade-model"]
    shown.encode("ascii")
    assert "\r" not in shown
    assert "\n" not in shown
    assert unquote(shown) == name.encode("utf-8", "replace").decode()
    assert header_value("plain-1.5") == "plain-1.5"


def test_half_an_emoji_and_numbers_beyond_json_are_written() -> None:
    document = {"\ud83d": ["a\udc00", float("nan"), 2**70], "n": None}
    written = dump_json(document)
    assert json.loads(written) == {"\ufffd": ["a\ufffd", None, 2**70], "n": None}
    assert JsonReply(document).body == written
    with pytest.raises(InputError, match="cannot be written"):
        dump_json({"x": object()})


def test_a_result_that_cannot_be_written_is_an_error_of_its_task(tmp_path: Path) -> None:
    bad: Any = Result(id="bad", status="accepted", output=object())  # type: ignore[arg-type]
    with ResultsWriter(tmp_path / "r.jsonl") as writer:
        writer.write(bad)
        writer.write(Result(id="good", status="accepted", output="half \ud83d"))
    found = read_finished(tmp_path / "r.jsonl")
    assert {name: each.status for name, each in found.items()} == {"bad": "error", "good": "accepted"}


def test_functions_of_an_older_client_get_a_function_call() -> None:
    attempt = Attempt(number=1, tier="flash", tool_calls=(CALL,), finish_reason="tool_calls")
    result = Result(id="r", status="accepted", attempts=(attempt,), given=1)
    choice = completion(result, model="cascade", created=0, older=True)["choices"][0]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "function_call"
    task = Task(prompt="x", parameters={"functions": [FUNCTION], "function_call": {"name": "f"}})
    assert is_older_protocol(task)
    assert declared_tools(task) == ({"type": "function", "function": FUNCTION},)
    assert ToolChoice.of(task) == ToolChoice(must_call=True, names=("f",))


def test_every_parameter_that_is_not_the_endpoints_own_goes_to_the_model() -> None:
    passed = {
        "logprobs": True,
        "top_logprobs": 2,
        "logit_bias": {"1": -100},
        "functions": [FUNCTION],
        "top_k": 4,
    }
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "x"}],
        "stream": False,
        "user": "u",
        **passed,
    }
    assert parse(json.dumps(body).encode()).parameters == passed


CHOICES: list[tuple[Any, tuple[ToolCall, ...], str]] = [
    ("required", (), "failed"),
    ({"type": "function", "function": {"name": "f"}}, (), "failed"),
    ({"type": "any"}, (), "failed"),
    ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}}, (), "failed"),
    ("none", (CALL,), "failed"),
    ("required", (CALL,), "passed"),
    ("auto", (), "passed"),
]


class _ToolCallsOfTheConfig:
    """The config's `tool_calls` validator, which has nothing to say of a text."""

    names = ("tool_calls",)

    async def check(self, task: Task, candidate: Candidate) -> Verdict:
        return Verdict(status="passed")


@pytest.mark.parametrize(("choice", "calls", "status"), CHOICES)
def test_a_validator_of_the_config_does_not_switch_off_what_tool_choice_demands(
    choice: Any, calls: tuple[ToolCall, ...], status: str
) -> None:
    task = Task(
        prompt="x",
        messages=({"role": "user", "content": "x"},),
        tools=({"type": "function", "function": FUNCTION},),
        parameters={"tool_choice": choice},
    )
    checks = ConversationChecks(_ToolCallsOfTheConfig())
    verdict = asyncio.run(checks.check(task, Candidate(text="plain", tool_calls=calls)))
    assert ("failed" if verdict.status == "failed" else "passed") == status
