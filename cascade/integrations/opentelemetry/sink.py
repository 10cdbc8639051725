"""Spans as tasks end: a trace sink of the name `opentelemetry`."""

from __future__ import annotations

from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanContext

from cascade.integrations.opentelemetry.spans import Setting, ShadowSpans, is_shadow, task_spans
from cascade.trace.events import Event, TaskFinished, TaskStarted
from cascade.trace.metrics import MetricsSink
from cascade.trace.sink import TraceSink

# Ended tasks whose parents are remembered for shadows that may follow.
_REMEMBERED = 10_000


class SpanSink:
    """Hands a task's spans to a span processor when the task ends, a shadow's when its attempt or its check does.

    A task that begins within a span of the application hangs under it, in the application's trace.
    """

    def __init__(self, processor: SpanProcessor, *, resource: Resource | None = None) -> None:
        self._processor = processor
        self._resource = resource or Resource.create({"service.name": "cascade"})
        self._open: dict[str, list[Event]] = {}
        self._parents: dict[str, SpanContext] = {}
        self._former: dict[str, SpanContext] = {}
        self._beside = ShadowSpans()

    def emit(self, event: Event) -> None:
        """Keep the event until its task ends."""
        if event.task_id is None:
            return
        if isinstance(event, TaskStarted):
            above = trace.get_current_span().get_span_context()
            if above.is_valid:
                self._parents[event.trace_id] = above
        if is_shadow(event):
            parent = self._former.get(event.trace_id)
            self._hand_over(self._beside.of(event, self._under(parent)), parent)
            return
        self._open.setdefault(event.trace_id, []).append(event)
        if isinstance(event, TaskFinished):
            self._end(event.trace_id)

    def flush(self) -> None:
        """Bring what was handed over to the collector."""
        self._processor.force_flush()

    def close(self) -> None:
        """Flush and end the processor. Tasks that have not ended leave no spans."""
        self._processor.shutdown()

    def _end(self, trace_id: str) -> None:
        parent = self._parents.pop(trace_id, None)
        events = self._open.pop(trace_id)
        if parent is not None:
            self._former[trace_id] = parent
            if len(self._former) > _REMEMBERED:
                del self._former[next(iter(self._former))]
        self._hand_over(task_spans(events, self._under(parent)), parent)

    def _under(self, parent: SpanContext | None) -> Setting:
        return Setting(resource=self._resource, parent=parent)

    def _hand_over(self, spans: list[ReadableSpan], parent: SpanContext | None) -> None:
        """To the processor, unless the caller's trace is not sampled."""
        if parent is None or parent.trace_flags.sampled:
            for span in spans:
                self._processor.on_end(span)


def opentelemetry_sink(
    endpoint: str | None = None, *, service: str = "cascade", metrics: bool = True
) -> TraceSink:
    """Spans to a collector by OTLP over HTTP, and metrics to the application's meter provider.

    endpoint: the collector, such as `http://localhost:4318`; None: OTEL_EXPORTER_OTLP_ENDPOINT.
    """
    from cascade.integrations.opentelemetry.export import exporter

    options: dict[str, Any] = {"resource": Resource.create({"service.name": service})}
    spans = SpanSink(BatchSpanProcessor(exporter(endpoint)), **options)
    return MetricsSink(spans) if metrics else spans
