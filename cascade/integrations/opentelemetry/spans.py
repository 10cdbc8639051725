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
    ShadowDrawn,
    ShadowSkipped,
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
    beside = ShadowSpans()
    for event in events:
        if event.task_id is None:
            continue
        if is_shadow(event):
            yield from beside.of(event, setting)
            continue
        open_.setdefault(event.trace_id, []).append(event)
        if isinstance(event, TaskFinished):
            yield from task_spans(open_.pop(event.trace_id), setting)


def task_spans(events: list[Event], setting: Setting) -> list[ReadableSpan]:
    """The spans of one task, its own last. `events` are all of its events, `task.finished` among them."""
    return _Task(events, setting).spans()


def is_shadow(event: Event) -> bool:
    """Whether the event is of a task's shadow, which comes after its end."""
    return isinstance(event, ShadowDrawn | ShadowSkipped) or bool(getattr(event, "shadow", False))


class ShadowSpans:
    """Spans of shadows, each as soon as its attempt or its check has ended: they hang under a task that is over."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, int], Event] = {}

    def of(self, event: Event, setting: Setting) -> list[ReadableSpan]:
        """The span that the event ends, if it ends one."""
        if isinstance(event, AttemptStarted):
            self._calls[event.trace_id, event.attempt] = event
            return []
        if not isinstance(event, AttemptFinished | AttemptFailed):
            return _Task([event], setting).parts()
        started = self._calls.pop((event.trace_id, event.attempt), None)
        return _Task([event] if started is None else [started, event], setting).parts()


class _Task:
    def __init__(self, events: list[Event], setting: Setting) -> None:
        self._events = events
        self._setting = setting
        self._trace_id = events[0].trace_id
        self._begun = next((event for event in events if isinstance(event, TaskStarted)), None)
        self._calls = {
            (event.attempt, event.span_id): event for event in events if isinstance(event, AttemptStarted)
        }
        self._former: str | None = None

    def spans(self) -> list[ReadableSpan]:
        return [*self.parts(), self._root()]

    def parts(self) -> list[ReadableSpan]:
        return [span for event in self._events if (span := self._of(event)) is not None]

    def _root(self) -> ReadableSpan:
        ended = next(event for event in self._events if isinstance(event, TaskFinished))
        begun = self._begun
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
        return ReadableSpan(
            name=event.node or event.event,
            context=self._context(event.span_id),
            parent=None if event.parent_span_id is None else self._context(event.parent_span_id),
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
        trace_id = above.trace_id if above is not None else int(self._trace_id, 16)
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
