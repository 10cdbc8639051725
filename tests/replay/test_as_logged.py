"""Replaying the logged policy gives the logged figures, from real runs' traces, whatever it draws or spends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from cascade import Cascade, Task
from cascade.cli.replay import replay
from cascade.config import load
from cascade.models.base import ModelRequest
from cascade.models.scripted import ScriptedModel
from cascade.trace.events import RunFinished, TaskFinished
from cascade.trace.reader import read_trace
from cascade.types import Candidate, Report, Verdict

GOOD, BAD = "```python a.py\nprint(1)\n```", "```python a.py\nprint(2)\n```"
VALUE = {"use": "expected_value", "value_usd": 0.002, "max_attempts": 3}
POLICIES: dict[str, dict[str, Any]] = {
    "threshold": {"policy": {"use": "threshold", "start": 0.5, "attempts": {"flash": 2, "pro": 1}}},
    "fixed": {"policy": {"use": "fixed", "order": ["flash", "pro", "pro"]}},
    "expected value": {"policy": VALUE},
    "explore": {"policy": {**VALUE, "explore": 0.4}},
    "thompson": {"policy": {**VALUE, "explore": "thompson"}},
    "budget": {"policy": VALUE, "budget": {"per_task_usd": 0.004}},
}


def declared(**more: Any) -> dict[str, Any]:
    tier = {"base_url": "http://127.0.0.1:9/v1", "max_output_tokens": 256}
    return {
        "version": 1,
        "tiers": {
            "flash": {"model": "f", "price": {"input": 1, "output": 2}, "history": {"retry": "full"}, **tier},
            "pro": {
                "model": "p",
                "price": {"input": 4, "output": 9},
                "history": {"escalation": "last"},
                **tier,
            },
        },
        "classifier": "rules",
        "validators": ["syntax"],
        **more,
    }


class Quick:
    """Passes GOOD."""

    names = ("quick",)

    async def check(self, task: Task, candidate: Candidate) -> Verdict:
        right = "print(1)" in "".join(candidate.files.values())
        return Verdict.of([Report(name="quick", status="passed" if right else "failed")])


def answer(request: ModelRequest) -> str:
    number = int(request.task_id.split("-")[1])
    return GOOD if (number % 2 if request.tier == "flash" else number % 3) else BAD


async def ran(folder: Path, config: Mapping[str, Any]) -> tuple[Path, Path]:
    """A traced run of 40 tasks under a config; the config's file and the trace."""
    path, trace = folder / "config.yaml", folder / "t.jsonl"
    path.write_text(yaml.safe_dump(dict(config)))
    models = {tier: ScriptedModel(answer, model=tier[0]) for tier in ("flash", "pro")}
    cascade = Cascade.from_config(load(path), models=models, seed=3, trace=trace)
    object.__setattr__(cascade._wired.services, "checks", Quick())
    async for _ in cascade.run_many(
        [Task(id=f"t-{k}", prompt="Print one.", target="a.py") for k in range(40)]
    ):
        pass
    await cascade.aclose()
    return path, trace


def replayed(trace: Path, config: Path) -> dict[str, Any]:
    words = [str(trace), "-c", str(config), "--json"]
    document: dict[str, Any] = json.loads(CliRunner().invoke(replay, words, catch_exceptions=False).stdout)
    return document


@pytest.mark.parametrize("name", POLICIES)
async def test_the_logged_config_gives_the_logged_figures(name: str, tmp_path: Path) -> None:
    config, trace = await ran(tmp_path, declared(**POLICIES[name]))
    events = read_trace(trace).events
    accepted = sum(isinstance(one, TaskFinished) and one.status == "accepted" for one in events)
    (total,) = (one.cost_usd for one in events if isinstance(one, RunFinished))
    document = replayed(trace, config)
    figures = document["policies"][0]
    assert (document["estimator"], document["n_tasks"]) == ("exact", 40)
    assert figures["success"] == accepted / 40
    assert total is not None
    assert figures["cost_usd"] == pytest.approx(float(total) / 40)
    assert sum(figures["spent_usd"].values()) == pytest.approx(figures["cost_usd"])
    assert any("the log's own figures" in note for note in document["support"]["notes"])


@pytest.mark.parametrize("name", ["threshold", "fixed"])
async def test_deciding_again_gives_the_logged_figures_too(name: str, tmp_path: Path) -> None:
    """Another digest, the same policy: every decision is taken anew, and comes out as it was."""
    written = declared(**POLICIES[name])
    config, trace = await ran(tmp_path, written)
    own = replayed(trace, config)
    config.write_text(yaml.safe_dump({**written, "system_prompt": "Be brief."}))
    again = replayed(trace, config)
    assert not any("the log's own figures" in note for note in again["support"]["notes"])
    assert again["estimator"] == "exact"
    for figure in ("success", "success_ci", "cost_usd", "cost_ci"):
        assert again["policies"][0][figure] == pytest.approx(own["policies"][0][figure])
