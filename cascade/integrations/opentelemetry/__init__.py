"""OpenTelemetry: a trace's events as spans with the GenAI and the OpenInference names, live or from a file.

Needs opentelemetry-sdk (extra `otel`). The names are literals, since the GenAI conventions are still moving.
"""

from __future__ import annotations

from cascade.integrations.opentelemetry.export import export_otlp as export_otlp
from cascade.integrations.opentelemetry.sink import SpanSink as SpanSink
from cascade.integrations.opentelemetry.sink import opentelemetry_sink as opentelemetry_sink
from cascade.integrations.opentelemetry.spans import spans_of as spans_of
