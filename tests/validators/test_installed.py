"""A tool that the environment lacks is named with what installs it; nothing is taken for passed, nor for failed."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from click.testing import CliRunner

from cascade.cli.demo import demo
from cascade.cli.doctor import doctor
from cascade.cli.validate import validate
from cascade.errors import UsageError
from cascade.validators import installed, ruff
from cascade.validators.installed import INSTALL, TOOLS, find_tool

Take = Callable[[str], None]


@pytest.fixture
def take(monkeypatch: pytest.MonkeyPatch) -> Take:
    """Takes a tool out of the environment."""
    present = importlib.util.find_spec

    def taken(tool: str) -> None:
        def find_spec(name: str, package: str | None = None) -> ModuleSpec | None:
            return None if name == tool else present(name, package)

        monkeypatch.setattr(importlib.util, "find_spec", find_spec)
        for module in (installed, ruff):
            monkeypatch.setattr(module, "find_tool", lambda name: None if name == tool else find_tool(name))

    return taken


@pytest.mark.parametrize("tool", TOOLS)
def test_a_check_without_its_tool_is_unchecked_and_says_what_installs_it(
    tool: str, take: Take, tmp_path: Path
) -> None:
    (tmp_path / "solution.py").write_text("ANSWER = 42\n")
    (tmp_path / "test_solution.py").write_text("def test() -> None:\n    assert True\n")
    take(tool)
    done = CliRunner().invoke(
        validate, [str(tmp_path), "--validators", tool, "--sandbox", "landlock", "--json"]
    )
    document = json.loads(done.stdout)
    assert (done.exit_code, document["verdict"]) == (3, "unchecked")
    assert document["validators"][0]["detail"] == f"{tool} is not installed: {INSTALL}"


@pytest.mark.parametrize("tool", TOOLS)
def test_doctor_and_demo_name_it(tool: str, take: Take) -> None:
    take(tool)
    found = json.loads(CliRunner().invoke(doctor, ["--json"]).stdout)["findings"]
    (finding,) = (finding for finding in found if finding["name"] == tool)
    assert (finding["state"], finding["advice"]) == ("missing", INSTALL)
    refused = CliRunner().invoke(demo, ["--limit", "1"]).exception
    assert isinstance(refused, UsageError)
    assert tool in refused.message
    assert refused.hint == INSTALL
