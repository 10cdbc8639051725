"""Planted keys in key, headers, prompt, addresses and the server's errors reach no trace, no result, no output."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from cascade.testing import Fault, Logged, Reply, ScriptedServer
from cascade.testing.faults import Faults, nth

KEY = "planted-key-0123456789-abcdef"
HEADER = "planted-header-98765-fedcba"
PASSWORD = "planted-password-1111"
PLANTED = (KEY, HEADER, PASSWORD)


def config(server: ScriptedServer) -> str:
    keys = 'api_key: "${PLANTED_KEY}", headers: {x-tenant: "${PLANTED_HEADER}"}'
    tier = f'model: m, base_url: "{server.base_url}", {keys}, price: unknown'
    return f"version: 1\ntiers:\n  flash: {{{tier}}}\n  pro: {{{tier}}}\nvalidators: [syntax]\n"


def echo(call: Logged) -> Reply:
    """An answer that gives away all that it was sent."""
    return Reply(
        text=f"```python\nprompt = {call.messages[-1]['content']!r}\n```\nYour key is {call.headers['authorization']}"
    )


def refusal(code: int) -> Faults:
    said = f"no: Bearer {KEY} with x-tenant {HEADER} at http://user:{PASSWORD}@host/?api_key={KEY}"
    return nth(1, Fault.of_status(code, message=said))


@pytest.mark.parametrize("faults", [refusal(401), refusal(500)], ids=["401", "500, then answered"])
async def test_planted_keys_stay_where_they_were_put(faults: Faults, tmp_path: Path) -> None:
    async with ScriptedServer(echo, faults=faults) as server:
        (tmp_path / "c.yaml").write_text(config(server))
        task = {"id": "a", "prompt": f"use {KEY} and {HEADER} at http://user:{PASSWORD}@host"}
        (tmp_path / "tasks.jsonl").write_text(json.dumps(task) + "\n")
        out, err = await run_command(tmp_path)
        assert server.log[-1].headers["x-tenant"] == HEADER
        assert server.log[-1].headers["authorization"] == f"Bearer {KEY}"
    trace = (tmp_path / "t.jsonl").read_text()
    for planted in PLANTED:
        for place, text in {"stdout": out, "stderr": err, "trace": trace}.items():
            assert planted not in text, f"{planted} in {place}"
    assert "attempt." in trace


async def run_command(folder: Path) -> tuple[str, str]:
    """`cascade --debug run` in a process of its own: what it wrote to stdout and stderr."""
    words = ["--debug", "run", str(folder / "tasks.jsonl"), "-c", str(folder / "c.yaml")]
    words += ["-o", str(folder / "r.jsonl"), "--trace", str(folder / "t.jsonl")]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cascade", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PLANTED_KEY": KEY, "PLANTED_HEADER": HEADER},
    )
    out, err = await process.communicate()
    return out.decode(), err.decode()
