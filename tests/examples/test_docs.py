"""The code in the documents runs, against the scripted server."""

from __future__ import annotations

import ast
import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cascade.config import from_mapping
from cascade.testing import ScriptedServer
from tests.examples.conftest import EXAMPLES

DOCS = EXAMPLES.parent / "docs"


def blocks(name: str, language: str) -> list[str]:
    """The blocks of a document in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / name).read_text(), re.DOTALL | re.MULTILINE)


MIGRATION = blocks("migration.md", "python")
RUNNABLE = [block for block in MIGRATION if not block.startswith("# before")]


async def _run(code: str, names: dict[str, Any]) -> None:
    """Run a block as it would run in a notebook: `await` at its top."""
    compiled = compile(code, "docs", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    returned = eval(compiled, names)  # the block is ours, from the repository
    if returned is not None:
        await returned


@pytest.mark.parametrize("number", range(len(RUNNABLE)))
async def test_the_ways_to_move_run(
    models: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cascade.yaml").write_text(blocks("migration.md", "yaml")[0])
    names = {"MODELS_URL": models.base_url, "SECOND_URL": models.base_url, "KEY": "scripted"}
    await _run(RUNNABLE[number], names)


def test_all_five_starting_points_are_there() -> None:
    text = (DOCS / "migration.md").read_text()
    for word in ("openai", "LiteLLM", "RouteLLM", "LangChain", "deepseek-chat"):
        assert f"## From {'a bare ' if word == 'openai' else ''}" in text
        assert word in text
    assert len(RUNNABLE) >= 7


async def test_the_first_block_of_embedding_runs(
    models: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cascade.yaml").write_text((EXAMPLES / "cascade.yaml").read_text())
    names: dict[str, Any] = {}
    await _run(blocks("embedding.md", "python")[0], names)
    assert names["result"].status == "accepted"


def test_the_settings_for_workers_are_right() -> None:
    tiers = {"a": {"model": "m", "base_url": "http://x/v1"}, "b": {"model": "n", "base_url": "http://x/v1"}}
    (block,) = blocks("workers.md", "yaml")
    from_mapping({"version": 1, "tiers": tiers, **yaml.safe_load(block)})


async def test_the_program_for_spawned_workers_runs(models: ScriptedServer, tmp_path: Path) -> None:
    (tmp_path / "cascade.yaml").write_text((EXAMPLES / "cascade.yaml").read_text())
    (program,) = blocks("workers.md", "python")
    (tmp_path / "workers.py").write_text(program)
    ran = await asyncio.create_subprocess_exec(
        sys.executable, "workers.py", cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await ran.communicate()
    assert said.decode().split() == ["accepted", "accepted"]
    assert len(models.log) == 2


def test_the_sinks_of_observability_are_right() -> None:
    tiers = {"a": {"model": "m", "base_url": "http://x/v1"}, "b": {"model": "n", "base_url": "http://x/v1"}}
    (block,) = blocks("observability.md", "yaml")
    from_mapping({"version": 1, "tiers": tiers, **yaml.safe_load(block)})


def test_every_program_that_the_documents_name_is_there() -> None:
    for path in DOCS.glob("*.md"):
        for named in re.findall(r"`(examples/[\w./]+)`", path.read_text()):
            assert (EXAMPLES.parent / named).exists(), f"{path.name}: {named}"
