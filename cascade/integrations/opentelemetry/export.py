"""A written trace to a collector, by OTLP over HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from cascade.errors import OutsideError
from cascade.integrations.opentelemetry.spans import spans_of
from cascade.trace.events import Event

BATCH = 512
PATH = "/v1/traces"


def exporter(endpoint: str | None) -> SpanExporter:
    """An OTLP exporter. A bare address gets the path of traces; headers come from OTEL_EXPORTER_OTLP_HEADERS."""
    if endpoint is None:
        return OTLPSpanExporter()
    bare = urlsplit(endpoint).path.rstrip("/") == ""
    return OTLPSpanExporter(endpoint=endpoint.rstrip("/") + PATH if bare else endpoint)


def export_otlp(events: Iterable[Event], endpoint: str | None = None) -> int:
    """Send the spans of finished tasks; how many. Raises OutsideError if the collector does not take them."""
    sender = exporter(endpoint)
    spans = iter(spans_of(events))
    sent = 0
    try:
        while batch := list(islice(spans, BATCH)):
            if not _taken(sender, batch):
                raise OutsideError(
                    f"the collector at {endpoint or 'OTEL_EXPORTER_OTLP_ENDPOINT'} did not take the spans",
                    hint="is it up, and does it take OTLP over HTTP (port 4318, as a rule)?",
                )
            sent += len(batch)
    finally:
        sender.shutdown()
    return sent


def _taken(sender: SpanExporter, batch: Sequence[ReadableSpan]) -> bool:
    try:
        return sender.export(batch) is SpanExportResult.SUCCESS
    except OSError:  # older releases let the client's own error through
        return False
