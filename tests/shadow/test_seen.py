"""Shadows where people look: spans, pictures, the server's answers, the config's mistakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.testclient import TestClient

from cascade import Task
from cascade.cli.graph import graph as graph_command
from cascade.cli.report import report
from cascade.config import Plugins, from_mapping, load
from cascade.config.graph import default_graph
from cascade.diagram import Figures
from cascade.errors import ConfigError
from cascade.integrations.opentelemetry import SpanSink, spans_of
from cascade.server import create_app
from cascade.trace import read_trace
from tests.integrations.conftest import GOOD, TASK, Rig, declared

Build = Callable[..., Rig]
ALL: dict[str, Any] = {"rate": 1, "budget_usd": 1}
CODE = Task(prompt=TASK["prompt"], target=TASK["target"])


async def written(rig: Build, path: Path) -> None:
    one = rig([GOOD], [GOOD], shadow=ALL, trace_to=path)
    await one.cascade.run(CODE)
    await one.cascade.aclose()


def name_of(span: ReadableSpan) -> str:
    assert span.attributes is not None
    return f"{span.name}{' shadow' if span.attributes.get('cascade.shadow') else ''}"


async def test_a_shadows_spans_hang_under_its_tasks(rig: Build, tmp_path: Path) -> None:
    await written(rig, tmp_path / "t.jsonl")
    spans = list(spans_of(read_trace(tmp_path / "t.jsonl").events))
    root = next(span for span in spans if span.name.startswith("invoke_workflow"))
    assert [name_of(span) for span in spans[-2:]] == ["chat p shadow", "shadow shadow"]
    for span in spans[-2:]:
        assert span.parent is not None
        assert span.context is not None
        assert root.context is not None
        assert (span.parent.span_id, span.context.trace_id) == (root.context.span_id, root.context.trace_id)


async def test_live_too_and_in_the_callers_trace(rig: Build, tmp_path: Path) -> None:
    await written(rig, tmp_path / "t.jsonl")
    exporter = InMemorySpanExporter()
    sink = SpanSink(SimpleSpanProcessor(exporter))
    with TracerProvider().get_tracer("app").start_as_current_span("request") as above:
        for event in read_trace(tmp_path / "t.jsonl").events:
            sink.emit(event)
    assert otel.get_current_span() is not above
    spans = exporter.get_finished_spans()
    assert [name_of(span) for span in spans[-2:]] == ["chat p shadow", "shadow shadow"]
    assert {span.context.trace_id for span in spans} == {above.get_span_context().trace_id}
    assert sink._open == {}, "what comes after a task's end is not kept"


async def test_a_picture_shows_what_follows_the_end(tmp_path: Path, rig: Build) -> None:
    import yaml

    path = tmp_path / "cascade.yaml"
    path.write_text(yaml.safe_dump(declared(shadow={**ALL, "rate": 0.05, "tiers": ["pro"]})))
    drawn = CliRunner().invoke(graph_command, [str(path)], standalone_mode=False).stdout
    assert '__shadow("shadow<br/>0.05 of the tasks<br/>pro")' in drawn
    assert "END -.-> __shadow" in drawn
    expanded = CliRunner().invoke(graph_command, [str(path), "--expand"], standalone_mode=False).stdout
    (tmp_path / "expanded.yaml").write_text(expanded)
    config = load(path, plugins=Plugins())
    assert load(tmp_path / "expanded.yaml", plugins=Plugins()).sha256 == config.sha256
    png = CliRunner().invoke(graph_command, [str(path), "--format", "png"], standalone_mode=False)
    assert png.stdout_bytes.startswith(b"\x89PNG")


async def test_figures_by_node_leave_shadows_out(rig: Build, tmp_path: Path) -> None:
    one = rig([GOOD], [GOOD], shadow=ALL, trace_to=tmp_path / "t.jsonl")
    result = await one.cascade.run(CODE)
    await one.cascade.aclose()
    figures = Figures.of(default_graph(), read_trace(tmp_path / "t.jsonl").events)
    assert (figures.tasks, figures.lost) == (1, 0)
    assert sum(sums.usd for sums in figures.nodes.values()) == result.cost_usd


async def test_the_report_has_a_row_for_them(rig: Build, tmp_path: Path) -> None:
    await written(rig, tmp_path / "t.jsonl")
    page = tmp_path / "page.html"
    words = [str(tmp_path / "t.jsonl"), "--html", str(page)]
    shown = CliRunner().invoke(report, words, standalone_mode=False).stdout
    assert "shadow: pro" in shown
    assert "beside for shadows of 1 tasks" in shown
    assert "<td>shadow: pro</td>" in page.read_text()


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_gets_the_answer_and_nothing_of_the_shadow(stream: bool) -> None:
    rig = Rig([GOOD], ["# the shadow's words"], shadow=ALL)
    with TestClient(create_app(rig.cascade, close=True)) as client:
        body = {"model": "cascade", "messages": [{"role": "user", "content": "Print one."}], "stream": stream}
        said = client.post("/v1/chat/completions", json=body)
    assert said.status_code == 200, said.text
    assert "shadow" not in said.text
    assert rig.calls == (1, 1), "it was made before the server had stopped"


@pytest.mark.parametrize(
    ("shadow", "told"),
    [
        ({"budget_usd": 1}, "shadow.rate: is missing"),
        ({"rate": 0.1}, "shadow.budget_usd: is missing"),
        ({"rate": 0, "budget_usd": 1}, "shadow.rate: must be more than 0"),
        ({"rate": 1.1, "budget_usd": 1}, "shadow.rate: must be at most 1"),
        (
            {"rate": 0.1, "budget_usd": 1, "tiers": ["prp"]},
            "shadow.tiers[0]: there is no tier prp; did you mean pro?",
        ),
        (
            {"rate": 0.1, "budget_usd": 1, "tier": ["pro"]},
            "shadow.tier: is not a known key here; did you mean tiers?",
        ),
    ],
)
def test_a_mistake_in_the_section_is_told(shadow: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_mapping(declared(shadow=shadow))
    assert told in "\n".join(caught.value.problems)
