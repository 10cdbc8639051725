"""The command line as a user meets it: a subprocess, a folder of its own, the scripted server on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

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
