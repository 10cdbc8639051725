"""One plug-in of each kind, found by entry point and at work; a broken one is named and takes nothing down."""

from __future__ import annotations

import csv
import json
import logging
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cascade import Cascade, Task
from cascade.config import from_mapping
from cascade.errors import ConfigError
from cascade.models.scripted import ScriptedModel
from cascade.plugins import points, survey
from tests.integrations.conftest import GOOD, TASK, declared

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "examples" / "plugins"
UNFINISHED = "```python\nprint(1)  # TODO more\n```"


def _install(folder: Path, project: dict[str, Any]) -> None:
    """What `pip install` leaves of entry points."""
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = []
    for group, named in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in named.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The examples installed, beside a distribution whose plug-ins are broken."""
    site = tmp_path / "site"
    site.mkdir()
    _install(site, tomllib.loads((PLUGINS / "pyproject.toml").read_text())["project"])
    (site / "raises_at_import.py").write_text("raise RuntimeError('not today')\n")
    broken = {
        "cascade.classifiers": {"gone": "no_such_module:Thing"},
        "cascade.validators": {"raises": "raises_at_import:Thing"},
        "cascade.trace_sinks": {"absent": "json:no_such_name"},
    }
    _install(site, {"name": "broken-plugins", "version": "0.1", "entry-points": broken})
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.syspath_prepend(str(PLUGINS))
    points.cache_clear()
    yield site
    points.cache_clear()


def test_each_is_short() -> None:
    for path in PLUGINS.glob("*.py"):
        assert len(path.read_text().splitlines()) < 60, path.name


async def test_they_work_together(installed: Path, tmp_path: Path) -> None:
    """Every kind at once, by the names that their entry points have."""
    spend = tmp_path / "spend.csv"
    config = declared(
        classifier={"use": "by_length", "easy_chars": 100},
        validators=["syntax", {"use": "no_todo", "words": ["TODO"]}],
        policy={"use": "patient", "most": 4},
        trace={"sinks": [{"use": "spend_log", "path": str(spend)}]},
    )
    config["tiers"]["flash"] = {"provider": "parrot", "model": "parrot-1", "price": {"input": 1, "output": 2}}
    pro = ScriptedModel([UNFINISHED, GOOD], model="p")
    async with Cascade.from_config(from_mapping(config), models={"pro": pro}) as cascade:
        result = await cascade.run(Task(**TASK))  # type: ignore[arg-type]
    assert result.status == "accepted"
    assert [attempt.tier for attempt in result.attempts] == ["flash", "flash", "pro", "pro"]
    assert "Finish this instead" in str(pro.requests[1].messages)
    rows = list(csv.reader(spend.read_text().splitlines()))
    assert [row[2] for row in rows] == ["flash", "flash", "pro", "pro"]
    assert sum(float(row[4]) for row in rows) == pytest.approx(float(result.cost_usd or 0))


async def test_the_parrot_s_fault_escalates(installed: Path) -> None:
    config = declared(classifier="by_length", validators=[])
    config["tiers"]["flash"] = {"provider": "parrot", "model": "parrot-1", "price": {"input": 1, "output": 2}}
    pro = ScriptedModel(["Hello."], model="p")
    async with Cascade.from_config(from_mapping(config), models={"pro": pro}) as cascade:
        result = await cascade.run(Task(prompt=" ", messages=({"role": "user", "content": " "},)))
    assert (result.attempts[0].error, result.output) == ("model.request", "Hello.")


def test_the_survey_names_the_broken_and_shows_the_rest(installed: Path) -> None:
    found = {plugin.name: plugin for plugin in survey()}
    ours = {"by_length", "no_todo", "patient", "parrot", "spend_log"}
    assert {name for name in ours if found[name].fault is None} == ours
    assert found["patient"].distribution == "cascade-example-plugins 1.0"
    assert "no_such_module" in str(found["gone"].fault)
    assert "RuntimeError: not today" in str(found["raises"].fault)
    assert "no_such_name" in str(found["absent"].fault)
    assert found["gone"].distribution == "broken-plugins 0.1"


def test_the_command_lists_them_with_their_origin(installed: Path) -> None:
    path = os.pathsep.join([str(installed), str(PLUGINS)])
    done = subprocess.run(
        [sys.executable, "-m", "cascade", "plugins", "--json"],
        env={**os.environ, "PYTHONPATH": path},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    rows = {row["name"]: row for row in json.loads(done.stdout)["plugins"]}
    assert done.returncode == 1, "one that is broken is worth an exit code"
    assert (rows["no_todo"]["kind"], rows["no_todo"]["target"]) == ("validators", "no_todo:no_todo")
    assert rows["raises"]["fault"]


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"classifier": "gone"}, "gone"),
        ({"validators": ["raises"]}, "not today"),
        ({"trace": {"sinks": [{"use": "absent"}]}}, r"trace\.sinks\[0\]"),
        ({"trace": {"sinks": [{"use": "nobody"}]}}, "nobody"),
        ({"policy": "patient:NotThere"}, "NotThere"),
    ],
)
def test_who_names_a_broken_one_is_told_before_anything_runs(
    installed: Path, part: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        Cascade.from_config(from_mapping(declared(**part)))


class Faulty:
    """A sink that fails at its third event."""

    def __init__(self) -> None:
        self.seen = 0

    def emit(self, _event: object) -> None:
        self.seen += 1
        if self.seen == 3:
            raise OSError("the line is dead")

    def flush(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


async def test_a_sink_that_fails_is_said_once_and_let_go(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sinks = [{"use": f"{__name__}:Faulty"}]
    config = from_mapping(declared(trace={"sinks": sinks, "path": str(tmp_path / "trace.jsonl")}))
    flash = ScriptedModel([GOOD], model="f")
    with caplog.at_level(logging.WARNING, logger="cascade.trace"):
        async with Cascade.from_config(config, models={"flash": flash}) as cascade:
            result = await cascade.run(Task(**TASK))  # type: ignore[arg-type]
    assert result.status == "accepted"
    assert [record.message for record in caplog.records].count(caplog.records[0].message) == 1
    assert "the line is dead" in caplog.text
    assert "run.finished" in (tmp_path / "trace.jsonl").read_text()
