"""`cascade graph`: expanded, drawn, with a trace's figures."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import yaml
from click.testing import CliRunner

from cascade.cli.graph import graph as command
from cascade.config import load
from cascade.config.graph import default_graph
from cascade.diagram import Figures, mermaid
from cascade.trace import read_trace
from cascade.types import Task
from tests.graphs.test_declared import APPROVAL, PARALLEL
from tests.integrations.conftest import BAD, GOOD, TASK, Rig, declared

Build = Callable[..., Rig]


async def test_figures_of_a_trace_by_node_and_edge(rig: Build, tmp_path: Path) -> None:
    """Visits, success and USD add up to what the run says of itself."""
    trace = tmp_path / "trace.jsonl"
    one = rig([BAD, BAD, GOOD], [GOOD, BAD], trace_to=trace)
    for number in range(3):
        await one.cascade.run(Task(id=str(number), prompt=TASK["prompt"], target="a.py"))
    await one.cascade.aclose()
    figures = Figures.of(default_graph(), read_trace(trace).events)
    assert (figures.tasks, figures.lost) == (3, 0)
    assert figures.nodes["classify"].visits == 3
    assert figures.nodes["generate"].visits == sum(one.calls) == 5
    assert figures.edges["decide", "retry"].visits == 1
    assert figures.edges["decide", "escalate"].visits == 1
    assert figures.edges["decide", "accept"].success == 1.0
    assert sum((sums.usd for sums in figures.nodes.values()), Decimal(0)) == one.cascade.ledger.total.cost_usd
    drawn = mermaid(default_graph(), figures)
    assert "5x, 100% accepted" in drawn
    assert 'n_decide -- "retry<br/>1x, 100% accepted" --> n_generate' in drawn


async def test_a_race_and_another_graph_s_trace(rig: Build, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    one = rig([BAD], [GOOD], trace_to=trace, graph=PARALLEL)
    await one.cascade.run(Task(prompt="x", target="a.py"))
    await one.cascade.aclose()
    events = read_trace(trace).events
    declared_graph = one.cascade._wired.graph
    assert declared_graph is not None
    figures = Figures.of(declared_graph, events)
    assert figures.nodes["race"].usd == one.cascade.ledger.total.cost_usd
    assert Figures.of(default_graph(), events).lost == 1


def _written(folder: Path, **more: object) -> Path:
    path = folder / "cascade.yaml"
    path.write_text(yaml.safe_dump(declared(**more), sort_keys=False))
    return path


def test_the_expansion_loads_to_the_same_config(tmp_path: Path) -> None:
    path = _written(tmp_path)
    done = CliRunner().invoke(command, [str(path), "--expand"])
    assert done.exit_code == 0, done.output
    expanded = tmp_path / "expanded.yaml"
    expanded.write_text(done.stdout)
    assert load(expanded).graph == default_graph()
    assert load(expanded).sha256 == load(path).sha256


def test_it_draws_mermaid_and_png(tmp_path: Path) -> None:
    path = _written(tmp_path, graph=APPROVAL)
    drawn = CliRunner().invoke(command, [str(path)]).stdout
    assert drawn.startswith("flowchart TD")
    assert 'n_approve -- "reject" --> n_generate' in drawn
    picture = tmp_path / "graph.png"
    done = CliRunner().invoke(command, [str(path), "--format", "png", "-o", str(picture)])
    assert done.exit_code == 0, done.output
    assert picture.read_bytes().startswith(b"\x89PNG")
