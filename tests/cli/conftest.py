"""The command line as a user meets it: a subprocess, a folder of its own, the scripted server on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cascade.cli.main import main
from cascade.testing import ScriptedServer

ROOT = Path(__file__).parent.parent.parent
DATA = ROOT / "examples" / "humaneval"
CONFIG = """\
version: 1
tiers:
  flash:
    model: flash
    base_url: {url}
    api_key: ${{CASCADE_TEST_KEY}}
    max_output_tokens: 512
    price: {{input: 0.15, cached_input: 0.003, output: 0.60}}
    history: {{retry: {history}, escalation: none}}
    retries: 0
  pro:
    model: pro
    base_url: {url}
    api_key: ${{CASCADE_TEST_KEY}}
    max_output_tokens: 512
    price: {{input: 0.66, cached_input: 0.022, output: 1.98}}
    retries: 0
classifier: rules
validators: [syntax, ruff, pytest]
policy: {{use: threshold, start: 0.0, attempts: {{flash: 2, pro: 1}}}}
system_prompt: >-
  You are a careful Python programmer. Reply with exactly one Python code block that contains the complete
  function, imports included.
"""
KEY = "sk-test-0123456789abcdef0123456789"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str
    raw_out: bytes = b""

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        document: dict[str, Any] = json.loads(self.out)
        return document


Command = Callable[..., Awaitable[Ended]]
TASKS = ROOT / "examples" / "tasks.jsonl"
AT_ONCE, RETRIED, ESCALATED, BEYOND = "HumanEval/0", "HumanEval/24", "HumanEval/9", "HumanEval/10"


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Run `cascade WORDS...` in a folder of its own."""

    async def run(*words: object, cwd: Path = tmp_path, **variables: str) -> Ended:
        environment = os.environ | {"CASCADE_TEST_KEY": KEY, "NO_COLOR": "1"} | variables
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cascade",
            *map(str, words),
            cwd=cwd,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return Ended(process.returncode or 0, out.decode(), err.decode(), out)

    return run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The same in this process, for claims that are not about processes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CASCADE_TEST_KEY", KEY)
    monkeypatch.setenv("NO_COLOR", "1")

    def exit_code(words: list[str]) -> int:
        with pytest.raises(SystemExit) as ended:
            main(words)
        return int(ended.value.code or 0)

    async def run(*words: object) -> Ended:
        capsys.readouterr()
        code = await asyncio.to_thread(exit_code, [*map(str, words)])
        return Ended(code, *capsys.readouterr())

    return run


@pytest.fixture
def few(tmp_path: Path) -> Callable[..., Path]:
    """A file of some recorded tasks: solved at once, on retry, by escalation, by neither."""

    def write(*ids: str) -> Path:
        path = tmp_path / "tasks.jsonl"
        rows = {json.loads(row)["id"]: row for row in TASKS.read_text().splitlines()}
        path.write_text("".join(rows[one] + "\n" for one in ids or (AT_ONCE, RETRIED, ESCALATED, BEYOND)))
        return path

    return write


@dataclass(frozen=True)
class Demo:
    """What one `cascade demo` left."""

    trace: Path
    document: dict[str, Any]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A demo of a few tasks; the tests read its trace."""
    return run_demo(tmp_path_factory.mktemp("demo"), limit=12)


def run_demo(folder: Path, *, limit: int) -> Demo:
    """`cascade demo`, whole, in a process of its own."""
    trace = folder / "demo.jsonl"
    words = ["demo", "--limit", str(limit), "--trace", str(trace), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "cascade", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Demo(trace, json.loads(done.stdout))


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """The recordings over real HTTP."""
    recorded = [DATA / "flash.jsonl.gz", DATA / "pro.jsonl.gz"]
    async with ScriptedServer.from_recording(*recorded) as serving:
        yield serving


@pytest.fixture
def config(tmp_path: Path, server: ScriptedServer) -> Callable[..., Path]:
    """A config file for the server."""

    def write(*, history: str = "diagnostics", url: str | None = None) -> Path:
        path = tmp_path / "cascade.yaml"
        path.write_text(CONFIG.format(url=url or server.base_url, history=history))
        return path

    return write
