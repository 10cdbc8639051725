"""Identifiers of OpenTelemetry's sizes, and the scope that an event is written in."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TypedDict


def new_run_id() -> str:
    """16 random bytes in hex."""
    return secrets.token_hex(16)


def new_trace_id() -> str:
    """16 random bytes in hex (W3C trace context, trace-id)."""
    return secrets.token_hex(16)


def new_span_id() -> str:
    """8 random bytes in hex (W3C trace context, parent-id)."""
    return secrets.token_hex(8)


class ScopeFields(TypedDict):
    """The fields that every event takes from its scope."""

    run_id: str
    task_id: str | None
    trace_id: str
    span_id: str
    parent_span_id: str | None
    node: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where an event belongs. `AttemptStarted(**scope.fields(), attempt=1, ...)`.

    A run has a trace of its own; each task has one, whose root span hangs under nothing.
    """

    run_id: str
    trace_id: str
    span_id: str
    task_id: str | None = None
    parent_span_id: str | None = None
    node: str | None = None

    @classmethod
    def of_run(cls, run_id: str | None = None) -> Scope:
        """The root of a run."""
        return cls(run_id=run_id or new_run_id(), trace_id=new_trace_id(), span_id=new_span_id())

    def of_task(self, task_id: str) -> Scope:
        """The root of a task in this run: a new trace."""
        return Scope(run_id=self.run_id, trace_id=new_trace_id(), span_id=new_span_id(), task_id=task_id)

    def child(self, node: str) -> Scope:
        """A span of `node` under this one."""
        return replace(self, span_id=new_span_id(), parent_span_id=self.span_id, node=node)

    def fields(self) -> ScopeFields:
        """Keyword arguments for an event."""
        return ScopeFields(
            run_id=self.run_id,
            task_id=self.task_id,
            trace_id=self.trace_id,
            span_id=self.span_id,
            parent_span_id=self.parent_span_id,
            node=self.node,
        )
