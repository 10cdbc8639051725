"""`cascade serve` as a process: announced, asked, ended in order."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import pytest
from openai import AsyncOpenAI

from cascade.cli.main import main
from cascade.models.scripted import Reply
from cascade.testing import ScriptedServer
from cascade.trace import RunFinished, read_trace
from tests.integrations.conftest import declared
from tests.waiting import until


def _config(folder: Path, base_url: str) -> Path:
    import yaml

    data = declared()
    for tier in data["tiers"].values():
        tier["base_url"] = base_url
    path = folder / "cascade.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return path


async def test_it_answers_ends_open_requests_on_sigterm_and_exits_zero(tmp_path: Path) -> None:
    """The request that is open when the signal comes gets its answer, and the trace its end."""
    async with ScriptedServer(Reply(text="slow and good"), piece=1, pace_s=0.03) as models:
        trace = tmp_path / "trace.jsonl"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cascade", "serve", "-c", str(_config(tmp_path, models.base_url)),
            "--port", "0", "--trace", str(trace),
            stderr=asyncio.subprocess.PIPE, env={**os.environ, "CASCADE_SERVE_KEY": "sesame"},
        )  # fmt: skip
        assert process.stderr is not None
        announced = (await process.stderr.readline()).decode()
        match = re.search(r"http://127\.0\.0\.1:\d+/v1", announced)
        assert match, announced
        async with AsyncOpenAI(base_url=match[0], api_key="sesame", max_retries=2) as client:
            asking = asyncio.create_task(
                client.chat.completions.create(
                    model="cascade", messages=[{"role": "user", "content": "Hello?"}]
                )
            )
            await until(lambda: models.log, what="the call")
            process.send_signal(signal.SIGTERM)
            assert (await asking).choices[0].message.content == "slow and good"
        assert await process.wait() == 0
    ended = read_trace(trace).events[-1]
    assert isinstance(ended, RunFinished)
    assert "sesame" not in trace.read_text()


def test_it_does_not_stand_open_to_a_network_without_a_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _config(tmp_path, "http://127.0.0.1:9/v1")
    with pytest.raises(SystemExit) as ended:
        main(["serve", "-c", str(path), "--host", "0.0.0.0", "--no-auth"])
    assert ended.value.code == 2
    assert "without a key" in capsys.readouterr().err


def test_a_taken_port_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    path = _config(tmp_path, "http://127.0.0.1:9/v1")
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit) as ended:
        main(["serve", "-c", str(path), "--port", str(taken.getsockname()[1])])
    assert ended.value.code == 3
    assert "cannot listen" in capsys.readouterr().err
