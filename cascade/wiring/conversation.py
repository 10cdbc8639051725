"""What a conversation's own request demands of its answer, checked whatever the config's validators are.

Tool calls must be of declared tools, with arguments of their shape, and made where `tool_choice` demands one; an
answer under `response_format` must be JSON of that shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from cascade.errors import CascadeError
from cascade.nodes.services import Checks, Preparable
from cascade.toolchoice import ToolChoice, declared_tools
from cascade.types import Candidate, Diagnostic, Report, Task, Verdict
from cascade.validators.workspace import Workspace

TOOLS = "tool_calls"
FORMAT = "response_format"


def demands(task: Task) -> bool:
    """Whether the request itself says how its answer has to look."""
    return bool(declared_tools(task)) or _format_of(task) is not None


class ConversationChecks:
    """The config's checks, and before them what a conversation demands. Tasks without messages are not touched."""

    def __init__(self, inner: Checks) -> None:
        self._inner = inner

    @property
    def names(self) -> tuple[str, ...]:
        """The validators that a task may name."""
        return self._inner.names

    async def prepare(self, task: Task) -> None:
        """Have the workspace looked at, where the config's checks do that."""
        if isinstance(self._inner, Preparable):
            await self._inner.prepare(task)

    async def check(self, task: Task, candidate: Candidate) -> Verdict:
        """The request's own demands first; the validators only if those are met."""
        if not task.messages:
            return await self._inner.check(task, candidate)
        own = [await self._tools(task, candidate), _shape(task, candidate)]
        reports = [report for report in own if report is not None]
        if task.validators == () or any(report.status == "failed" for report in reports):
            return Verdict.of(reports)
        verdict = await self._inner.check(task, candidate)
        return Verdict.of([*reports, *verdict.reports], skipped=verdict.skipped)

    async def _tools(self, task: Task, candidate: Candidate) -> Report | None:
        """What `tool_choice` demands, always; the calls themselves, unless the config's validator looks at them."""
        choice = ToolChoice.of(task)
        calls = candidate.tool_calls
        if choice.must_call and not calls:
            return _failed(TOOLS, "missing", "a tool must be called, and the answer calls none")
        if choice.forbidden and calls:
            return _failed(TOOLS, "forbidden", "no tool may be called here")
        named = self.names if task.validators is None else task.validators
        if not calls or (TOOLS in named and not choice.names):
            return None
        from cascade.validators.tool_calls import ToolCalls, ToolCallsOptions

        try:
            checking = ToolCalls(ToolCallsOptions(required=choice.names))
            desk = _Desk(replace(task, tools=declared_tools(task)), candidate)
            return await checking.check(cast("Workspace", desk))
        except CascadeError as error:
            return Report(name=TOOLS, status="unchecked", detail=str(error))


@dataclass(frozen=True, slots=True)
class _Desk:
    """As much of a workspace as a check of tool calls looks at."""

    task: Task
    candidate: Candidate


def _format_of(task: Task) -> Mapping[str, Any] | None:
    wanted = task.parameters.get("response_format")
    return wanted if isinstance(wanted, Mapping) and str(wanted.get("type", "")).startswith("json") else None


def _shape(task: Task, candidate: Candidate) -> Report | None:
    """Whether the answer is the JSON that was asked for; a turn of tool calls is not asked for any."""
    wanted = _format_of(task)
    if wanted is None or candidate.tool_calls:
        return None
    from cascade.validators.json_schema import read_document, schema_validator

    try:
        document = read_document(candidate.text)
    except ValueError as error:
        return _failed(FORMAT, "json", f"the answer must be JSON and nothing else: {error}")
    named = wanted.get("json_schema")
    schema = named.get("schema") if isinstance(named, Mapping) else None
    if not isinstance(schema, Mapping):
        return Report(name=FORMAT, status="passed")
    try:
        faults = tuple(
            Diagnostic(code="shape", message=f"{place or 'the document'}: {message}")
            for place, message in schema_validator(schema)(document)
        )
    except CascadeError as error:
        return Report(name=FORMAT, status="unchecked", detail=str(error))
    return Report(name=FORMAT, status="failed" if faults else "passed", diagnostics=faults)


def _failed(name: str, code: str, message: str) -> Report:
    return Report(name=name, status="failed", diagnostics=(Diagnostic(code=code, message=message),))
