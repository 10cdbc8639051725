"""A finished task's events as spans: one for the task, one for each node's work under it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event as SpanEvent
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from cascade import __version__
from cascade.integrations.opentelemetry.attributes import (
    Attributes,
    of_attempt,
    of_decision,
    of_node,
    of_route,
    of_task,
    of_validation,
    text_of,
)
from cascade.trace.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    Base,
    Event,
    NodeFinished,
    PolicyDecided,
    RouteDecided,
    TaskFinished,
    TaskStarted,
    ValidationFinished,
)

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where spans belong: the resource that they are of, and the span of the caller's that they hang under."""

    resource: Resource
    parent: SpanContext | None = None


def spans_of(events: Iterable[Event], resource: Resource | None = None) -> Iterator[ReadableSpan]:
    """The spans of every finished task of a trace, task by task, in the order in which tasks ended."""
    setting = Setting(resource=resource or Resource.create({"service.name": "cascade"}))
    open_: dict[str, list[Event]] = {}
    for event in events:
        if event.task_id is None:
            continue
        open_.setdefault(event.trace_id, []).append(event)
        if isinstance(event, TaskFinished):
            yield from task_spans(open_.pop(event.trace_id), setting)


def task_spans(events: list[Event], setting: Setting) -> list[ReadableSpan]:
    """The spans of one task, its own last. `events` are all of its events, `task.finished` among them."""
    return _Task(events, setting).spans()


class _Task:
    def __init__(self, events: list[Event], setting: Setting) -> None:
        self._events = events
        self._setting = setting
        self._ended = next(event for event in events if isinstance(event, TaskFinished))
        self._begun = next((event for event in events if isinstance(event, TaskStarted)), None)
        self._calls = {
            (event.attempt, event.span_id): event for event in events if isinstance(event, AttemptStarted)
        }
        self._former: str | None = None

    def spans(self) -> list[ReadableSpan]:
        made = [span for event in self._events if (span := self._of(event)) is not None]
        return [*made, self._root()]

    def _root(self) -> ReadableSpan:
        ended, begun = self._ended, self._begun
        outputs = [event.output for event in self._events if isinstance(event, AttemptFinished)]
        output = text_of(outputs[-1]) if outputs else None
        end = _nanoseconds(ended.time)
        start = _nanoseconds(begun.time) if begun is not None else end - round(ended.latency_s * NANOSECONDS)
        bad = ended.status == "error"
        return ReadableSpan(
            name="invoke_workflow cascade",
            context=self._context(ended.span_id),
            parent=self._setting.parent,
            resource=self._setting.resource,
            attributes=of_task(begun, ended, output=output),
            kind=SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR, ended.reason) if bad else Status(StatusCode.OK),
            start_time=start,
            end_time=end,
            instrumentation_scope=_SCOPE,
        )

    def _of(self, event: Event) -> ReadableSpan | None:
        """The span that an event ends; None where it ends none."""
        if isinstance(event, AttemptFinished | AttemptFailed):
            return self._call(event)
        if isinstance(event, RouteDecided):
            return self._span(event, of_route(event), event.latency_s)
        if isinstance(event, ValidationFinished):
            return self._span(event, of_validation(event), event.latency_s, _findings(event))
        if isinstance(event, PolicyDecided):
            return self._span(event, of_decision(event), 0.0)
        if isinstance(event, NodeFinished):
            return self._span(event, of_node(event), event.latency_s)
        return None

    def _call(self, event: AttemptFinished | AttemptFailed) -> ReadableSpan:
        started = self._calls.get((event.attempt, event.span_id))
        latency = (event.time - started.time).total_seconds() if started is not None else event.latency_s
        span = self._span(event, of_attempt(started, event), latency)
        failed = isinstance(event, AttemptFailed)
        return ReadableSpan(
            name=f"chat {event.model}",
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=span.attributes,
            kind=SpanKind.CLIENT,
            status=Status(StatusCode.ERROR, event.message) if failed else Status(StatusCode.OK),  # type: ignore[union-attr]  # it failed
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=_SCOPE,
        )

    def _span(
        self, event: Base, told: Attributes, latency_s: float, events: tuple[SpanEvent, ...] = ()
    ) -> ReadableSpan:
        end = _nanoseconds(event.time)
        place = {"graph.node.id": event.node or event.event}
        if self._former is not None:
            place["graph.node.parent_id"] = self._former
        self._former = place["graph.node.id"]
        parent = event.parent_span_id or self._ended.span_id
        return ReadableSpan(
            name=event.node or event.event,
            context=self._context(event.span_id),
            parent=self._context(parent),
            resource=self._setting.resource,
            attributes={**told, **place},
            events=events,
            status=Status(StatusCode.OK),
            start_time=end - round(latency_s * NANOSECONDS),
            end_time=end,
            instrumentation_scope=_SCOPE,
        )

    def _context(self, span_id: str) -> SpanContext:
        """Our ids; the caller's trace where the task hangs under a span of theirs."""
        above = self._setting.parent
        trace_id = above.trace_id if above is not None else int(self._ended.trace_id, 16)
        flags = TraceFlags(TraceFlags.SAMPLED)
        return SpanContext(trace_id, int(span_id, 16), is_remote=False, trace_flags=flags)


_SCOPE = InstrumentationScope("cascade", __version__)


def _findings(event: ValidationFinished) -> tuple[SpanEvent, ...]:
    """Each diagnostic as an event of the span."""
    return tuple(
        SpanEvent(
            "cascade.diagnostic",
            {
                "cascade.validator": one.name,
                "code": found.code,
                "severity": found.severity,
                "message": found.message,
                "path": found.path or "",
                "line": found.line or 0,
            },
            _nanoseconds(event.time),
        )
        for one in event.validators
        for found in one.diagnostics
    )


def _nanoseconds(time: datetime) -> int:
    return round(time.timestamp() * NANOSECONDS)
