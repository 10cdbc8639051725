"""Spans and metrics, as a collector on loopback receives them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cascade import Task
from cascade.cli.trace import trace as command
from cascade.errors import OutsideError
from cascade.integrations.opentelemetry import SpanSink, export_otlp
from cascade.models.scripted import Reply
from cascade.trace import read_trace
from cascade.trace.metrics import MetricsSink
from cascade.types import Usage
from tests.integrations.conftest import BAD, GOOD, TASK, Rig

Build = Callable[..., Rig]


class Collector:
    """Takes OTLP over HTTP and keeps the spans."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.services: set[str] = set()
        keep = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                assert self.path == "/v1/traces"
                keep._take(body)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def _take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for attribute in resource.resource.attributes:
                if attribute.key == "service.name":
                    self.services.add(attribute.value.string_value)
            for scope in resource.scope_spans:
                self.spans += scope.spans

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def told(span: Span) -> dict[str, Any]:
    """A span's attributes."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


FIRST = Reply(text=BAD, usage=Usage(input=1000, cached_input=400, output=20, reasoning=5))


async def _traced(rig: Build, path: Path) -> Rig:
    one = rig([FIRST, BAD], [GOOD], trace_to=path)
    await one.cascade.run(Task(**TASK))  # type: ignore[arg-type]
    await one.cascade.aclose()
    return one


async def test_a_trace_reaches_a_collector_with_both_sets_of_names(
    rig: Build, tmp_path: Path, collector: Collector
) -> None:
    path = tmp_path / "trace.jsonl"
    one = await _traced(rig, path)
    done = CliRunner().invoke(command, ["export", str(path), "--otlp", collector.url])
    assert done.exit_code == 0, done.output
    assert collector.services == {"cascade"}
    (root,) = [span for span in collector.spans if not span.parent_span_id]
    others = [span for span in collector.spans if span.parent_span_id]
    assert f"{len(collector.spans)} spans" in done.output
    assert {span.parent_span_id for span in others} == {root.span_id}
    assert {span.trace_id for span in others} == {root.trace_id}
    names = [span.name for span in others]
    assert names == [
        "classify",
        *["chat f", "validate", "decide"] * 2,
        *["chat p", "validate", "decide"],
    ]
    assert all(root.start_time_unix_nano <= span.start_time_unix_nano for span in others)
    assert all(span.end_time_unix_nano <= root.end_time_unix_nano for span in others)
    call = told(others[1])
    assert (call["gen_ai.operation.name"], call["gen_ai.request.model"]) == ("chat", "f")
    assert call["gen_ai.usage.input_tokens"] == call["llm.token_count.prompt"] == 1000
    assert call["gen_ai.usage.cache_read.input_tokens"] == 400
    assert call["llm.token_count.prompt_details.cache_read"] == 400
    assert call["gen_ai.usage.reasoning.output_tokens"] == 5
    assert (call["openinference.span.kind"], call["graph.node.id"]) == ("LLM", "generate")
    assert call["graph.node.parent_id"] == "classify"
    assert call["llm.output_messages.0.message.content"] == BAD
    assert call["cascade.cost.usd"] == call["llm.cost.total"] == pytest.approx(0.00104)
    whole = told(root)
    assert (whole["gen_ai.operation.name"], whole["gen_ai.workflow.name"]) == ("invoke_workflow", "cascade")
    assert whole["cascade.cost.usd"] == pytest.approx(float(one.cascade.ledger.total.cost_usd))
    assert (whole["cascade.status"], whole["cascade.tier"]) == ("accepted", "pro")
    check = others[2]
    assert told(check)["cascade.verdict"] == "failed"
    assert [event.name for event in check.events] == ["cascade.diagnostic"]


async def test_live_spans_through_the_config(rig: Build, collector: Collector) -> None:
    one = rig(
        [GOOD], trace={"sinks": [{"use": "opentelemetry", "endpoint": collector.url, "service": "shop"}]}
    )
    await one.cascade.run(Task(**TASK))  # type: ignore[arg-type]
    await one.cascade.aclose()
    assert collector.services == {"shop"}
    assert [span.name for span in collector.spans][-1] == "invoke_workflow cascade"


async def test_a_task_hangs_under_the_application_s_span(rig: Build) -> None:
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    one = rig([GOOD])
    one.cascade._wired.trace.open = lambda: SpanSink(SimpleSpanProcessor(memory))
    with provider.get_tracer("shop").start_as_current_span("checkout") as span:
        await one.cascade.run(Task(**TASK))  # type: ignore[arg-type]
        above = span.get_span_context()
    await one.cascade.aclose()
    ours = next(each for each in memory.get_finished_spans() if each.name == "invoke_workflow cascade")
    assert ours.parent is not None
    assert (ours.parent.span_id, ours.context.trace_id) == (above.span_id, above.trace_id)
    provider.shutdown()


async def test_metrics_count_tokens_money_and_tasks(rig: Build) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    one = rig([FIRST, BAD], [GOOD])
    one.cascade._wired.trace.open = lambda: MetricsSink(provider=provider)
    await one.cascade.run(Task(**TASK))  # type: ignore[arg-type]
    data = reader.get_metrics_data()
    assert data is not None
    (scope,) = data.resource_metrics[0].scope_metrics
    found: dict[str, Any] = {metric.name: metric.data.data_points for metric in scope.metrics}
    cost = sum(point.value for point in found["cascade.cost.usd"])
    assert cost == pytest.approx(float(one.cascade.ledger.total.cost_usd))
    assert [point.value for point in found["cascade.tasks"]] == [1]
    provider.shutdown()


async def test_a_collector_that_is_down_is_said_so(rig: Build, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    await _traced(rig, path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
        with pytest.raises(OutsideError, match="did not take"):
            export_otlp(read_trace(path).events, "http://127.0.0.1:9")
