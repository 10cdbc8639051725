"""`tool_calls`: the model called declared tools, with arguments of the declared shape, and all it had to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field

from cascade.types import Candidate, Diagnostic, JsonObject, Report, ToolCall
from cascade.validators.json_schema import Check, schema_validator
from cascade.validators.options import Options, status_of
from cascade.validators.workspace import Workspace

# Markup that belongs between a model and its server, and is no text for a reader: DeepSeek's (with full-width bars
# and lower one-eighth blocks), its DSML form, and the tags that other open models use.
LEAKED = re.compile(
    r"<[|｜](?:tool[▁_ ](?:calls?|outputs?|sep)[▁_ ]?(?:begin|end)?|DSML)[|｜]"
    r"|</?(?:tool_call|function_calls?|invoke|antml:\w+)\b[^>]*>"
    r"|\[TOOL_CALLS\]"
)


class ToolCallsOptions(Options):
    """`tools` maps names to JSON Schemas of their arguments, beside those that the task declares.

    `required` must be called at least once; `forbid_others` refuses names that are not declared; `at_most` bounds
    the number of calls.
    """

    name: str = "tool_calls"
    tools: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    required: tuple[str, ...] = ()
    forbid_others: bool = True
    at_most: int | None = None


class ToolCalls:
    """Looks at the calls as the model wrote them; nothing is executed."""

    stage = 0

    def __init__(self, options: ToolCallsOptions) -> None:
        self.name = options.name
        self._options = options
        self._checks = {name: schema_validator(schema) for name, schema in options.tools.items()}

    def nothing_to_check(self, workspace: Workspace) -> str | None:
        """Why there is nothing to do, if so."""
        if (
            self._options.required
            or workspace.candidate.tool_calls
            or LEAKED.search(workspace.candidate.text)
        ):
            return None
        return "the answer calls no tool, and need not"

    async def check(self, workspace: Workspace) -> Report:
        """failed for an unknown name, broken or misshapen arguments, a missing call, markup left in the text."""
        checks = {**self._checks, **_declared(workspace.task.tools)}
        found = [
            Diagnostic(message=text, code=code) for code, text in self._faults(workspace.candidate, checks)
        ]
        return Report(name=self.name, status=status_of(found), diagnostics=tuple(found))

    def _faults(self, candidate: Candidate, checks: Mapping[str, Check]) -> Iterator[tuple[str, str]]:
        leaked = LEAKED.search(candidate.text)
        if leaked:
            yield "markup", f"tool-call markup was left in the text: {leaked[0]!r}"
        calls = candidate.tool_calls
        if self._options.at_most is not None and len(calls) > self._options.at_most:
            yield "too-many", f"{len(calls)} calls where at most {self._options.at_most} are allowed"
        for call in calls:
            yield from self._call(call, checks)
        called = {call.name for call in calls}
        for name in self._options.required:
            if name not in called:
                yield "missing", f"{name} must be called, and was not"

    def _call(self, call: ToolCall, checks: Mapping[str, Check]) -> Iterator[tuple[str, str]]:
        check = checks.get(call.name)
        if check is None and self._options.forbid_others:
            known = ", ".join(sorted(checks)) or "none"
            yield "unknown-tool", f"there is no tool {call.name!r:.100}; declared are: {known}"
            return
        try:
            arguments = json.loads(call.arguments or "{}")
        except (ValueError, RecursionError) as error:
            yield "broken-json", f"the arguments of {call.name} are no JSON: {error}"
            return
        if not isinstance(arguments, dict):
            yield "broken-json", f"the arguments of {call.name} are no JSON object"
        elif check is not None:
            for place, message in check(arguments):
                yield "arguments", f"{call.name}{place}: {message}"


def _declared(tools: Sequence[JsonObject]) -> dict[str, Check]:
    """Checks by name from OpenAI tool definitions (`{type: function, function: {name, parameters}}`)."""
    checks: dict[str, Check] = {}
    for tool in tools:
        function = tool.get("function")
        if isinstance(function, Mapping) and isinstance(function.get("name"), str):
            parameters = function.get("parameters")
            checks[str(function["name"])] = schema_validator(
                parameters if isinstance(parameters, Mapping) else {}
            )
    return checks
