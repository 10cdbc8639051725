"""JSON of a declared shape, tool calls, and your own function."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import BaseModel

from cascade.errors import ConfigError
from cascade.types import Candidate, Diagnostic, Report, Task, ToolCall, Verdict
from cascade.validators import catalog
from cascade.validators.base import Validator
from cascade.validators.function import FromCallable
from cascade.validators.sandbox import Sandbox
from cascade.validators.suite import Suite
from cascade.validators.workspace import Workspace
from tests.validators.conftest import verdict

SHAPE = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}


class Person(BaseModel):
    """For `model: tests.validators...:Person`."""

    name: str
    age: int


async def on(validator: Validator, text: str, *, calls: tuple[ToolCall, ...] = (), **task: object) -> Verdict:
    suite = Suite([validator])
    return await suite.check(Task(prompt="", **task), Candidate(text=text, tool_calls=calls))  # type: ignore[arg-type]


def build(sandbox: Sandbox, **entry: object) -> Validator:
    return catalog.build([entry], sandbox=sandbox)[0]


@pytest.mark.parametrize(
    ("text", "status", "part"),
    [
        ('{"n": 1}', "passed", ""),
        ('Here:\n```json\n{"n": 1}\n```\n', "passed", ""),
        ('{"n": "x"}', "failed", "/n: 'x' is not of type 'integer'"),
        ('{"n": 1, "m": 2}', "failed", "/: Additional"),
        ('{"n": 1', "failed", "no JSON"),
        ('{"n": NaN}', "failed", "NaN"),
        ("", "failed", "no JSON"),
        ("[" * 100_000, "failed", "no JSON"),
    ],
)
async def test_json_schema_locates_each_fault(sandbox: Sandbox, text: str, status: str, part: str) -> None:
    result = await on(build(sandbox, use="json_schema", schema=SHAPE), text)
    assert result.status == status
    assert part in " ".join(found.message for found in result.diagnostics)


async def test_a_files_json_can_be_checked_instead(sandbox: Sandbox) -> None:
    validator = build(sandbox, use="json_schema", schema=SHAPE, path="out.json")
    assert (await verdict(validator, files={"out.json": '{"n": 1}'})).status == "passed"
    assert (await verdict(validator, files={"other.json": "{}"})).status == "failed"


def test_a_wrong_schema_is_a_config_error(sandbox: Sandbox) -> None:
    for schema in ({"type": "nonsense"}, "/no/such/file.json"):
        with pytest.raises(ConfigError):
            build(sandbox, use="json_schema", schema=schema)


async def test_a_pydantic_model(sandbox: Sandbox) -> None:
    validator = build(sandbox, use="model", model=f"{__name__}:Person")
    assert (await on(validator, '{"name": "a", "age": 3}')).status == "passed"
    wrong = await on(validator, '{"name": "a", "age": "old"}')
    assert wrong.diagnostics[0].message.startswith("/age: ")
    for name in ("no.such:Model", "tests:Nothing"):
        with pytest.raises(ConfigError):
            build(sandbox, use="model", model=name)


TOOLS = {"add": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}}


@pytest.mark.parametrize(
    ("calls", "text", "code"),
    [
        ([("add", '{"a": 1}')], "", None),
        ([("add", '{"a": "x"}')], "", "arguments"),
        ([("add", "{}")], "", "arguments"),
        ([("add", '{"a": 1')], "", "broken-json"),
        ([("add", "[1]")], "", "broken-json"),
        ([("sub", "{}"), ("add", '{"a": 1}')], "", "unknown-tool"),
        ([], "", "missing"),
        ([("add", '{"a": 1}')], "<｜tool▁calls▁begin｜>add", "markup"),
        ([("add", '{"a": 1}')], '<tool_call>{"name": "add"}</tool_call>', "markup"),
        ([("add", '{"a": 1}')] * 3, "", "too-many"),
    ],
)
async def test_tool_calls(
    sandbox: Sandbox, calls: list[tuple[str, str]], text: str, code: str | None
) -> None:
    validator = build(sandbox, use="tool_calls", tools=TOOLS, required=["add"], at_most=2)
    made = tuple(ToolCall(name=name, arguments=arguments) for name, arguments in calls)
    result = await on(validator, text, calls=made)
    assert {found.code for found in result.diagnostics} == ({code} if code else set())
    assert result.status == ("failed" if code else "passed")


async def test_the_tasks_own_tools_are_known(sandbox: Sandbox) -> None:
    validator = build(sandbox, use="tool_calls")
    tools = ({"type": "function", "function": {"name": "add", "parameters": TOOLS["add"]}},)
    assert (
        await on(validator, "", calls=(ToolCall(name="add", arguments="{}"),), tools=tools)
    ).status == "failed"
    right = ToolCall(name="add", arguments='{"a": 2}')
    assert (await on(validator, "", calls=(right,), tools=tools)).status == "passed"
    assert (await on(validator, "only text", tools=tools)).skipped == {
        "tool_calls": "the answer calls no tool, and need not"
    }


def says(workspace: Workspace) -> str | None:
    """For `function: tests.validators...:says`."""
    return "too short" if len(workspace.candidate.text) < 3 else None


async def slow(workspace: Workspace) -> bool:
    await asyncio.sleep(60)
    return True


async def test_a_function_may_answer_in_several_ways(sandbox: Sandbox) -> None:
    named = build(sandbox, use="callable", function=f"{__name__}:says")
    assert (await on(named, "long enough")).status == "passed"
    assert (await on(named, "x")).diagnostics[0].message == "too short"
    warning = Diagnostic(message="hm", severity="warning")
    for said, status in [
        (True, "passed"),
        (False, "failed"),
        (None, "passed"),
        ("no", "failed"),
        (warning, "passed"),
        ([warning, Diagnostic(message="bad")], "failed"),
        (Report(name="x", status="unchecked", detail="why"), "unchecked"),
    ]:

        def function(_: Workspace, said: object = said) -> object:
            return said

        assert (await on(FromCallable(function, name="f"), "text")).status == status, said  # type: ignore[arg-type]


async def test_a_function_that_raises_or_never_ends_is_unchecked() -> None:
    def broken(workspace: Workspace) -> bool:
        raise LookupError("mine")

    result = await on(FromCallable(broken), "text")
    assert result.status == "unchecked"
    assert "LookupError: mine" in (result.reports[0].detail or "")
    late = await on(FromCallable(slow, timeout_s=0.05), "text")
    assert late.status == "unchecked"
