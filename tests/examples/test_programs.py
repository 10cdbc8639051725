"""Every example runs, against the scripted server."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import uvicorn

from cascade import Cascade
from cascade.cli.main import main as command_line
from cascade.models.spec import Secret
from cascade.server import ServerOptions, create_app
from cascade.testing import ScriptedServer
from tests.examples.conftest import EXAMPLES, SLUG
from tests.laws import first
from tests.waiting import until

Example = Callable[[str], ModuleType]


async def test_embed(models: ScriptedServer, example: Example, capsys: pytest.CaptureFixture[str]) -> None:
    """The first answer fails its tests, the diagnostics mend it."""
    await example("embed").main()
    said = capsys.readouterr().out
    assert said.startswith("accepted from flash after 2 attempts, $0.0")
    assert "1. flash: failed\n  2. flash: passed" in said
    assert len(models.log) == 2


async def test_a_langgraph_parent_that_is_killed_goes_on_without_paying_twice(
    models: ScriptedServer, tmp_path: Path
) -> None:
    """SIGKILL while the second call is open: the first is not asked for again."""
    checkpoints = tmp_path / "checkpoints.sqlite"
    run = [sys.executable, str(EXAMPLES / "langgraph_parent.py"), str(checkpoints)]
    models._pace_s = 0.02
    first = await asyncio.create_subprocess_exec(*run, stdout=asyncio.subprocess.PIPE)
    while len(models.log) < 2:
        assert first.returncode is None
        await asyncio.sleep(0.005)
    first.kill()
    await first.communicate()
    models._pace_s = 0.0
    second = await asyncio.create_subprocess_exec(*run, stdout=asyncio.subprocess.PIPE)
    said, _ = await second.communicate()
    assert said.decode().splitlines() == ["went on", "accepted from flash after 2 attempts"]
    bodies = [call.body for call in models.log]
    assert len(bodies) == 3
    assert bodies.count(bodies[0]) == 1, "the answer that was checked is not paid for again"
    assert bodies[1] == bodies[2]


async def test_a_langchain_agent(
    models: ScriptedServer, example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    """The call that lacks an argument never reaches the tool."""
    await example("langchain_agent").main()
    said = capsys.readouterr().out
    assert "tool: Oslo, tomorrow: sunny" in said
    assert "[flash, 2 attempts" in said
    assert "No umbrella" in said


@pytest.mark.parametrize("users", first([20, 200]))
async def test_fastapi_with_many_users_at_once(models: ScriptedServer, example: Example, users: int) -> None:
    """Every user gets an answer that passed, the books are the endpoint's."""
    app = example("fastapi_app").app
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app", timeout=None) as client:
            orders = [
                {"prompt": f"Write `double(x)`, number {user}.", "target": "double.py"}
                for user in range(users)
            ]
            answers = await asyncio.gather(*(client.post("/solve", json=order) for order in orders))
            spent = (await client.get("/spent")).json()
        cascade: Cascade = app.state.cascade
        assert [answer.status_code for answer in answers] == [200] * users
        assert {answer.json()["status"] for answer in answers} == {"accepted"}
        assert sum(Decimal(amount) for amount in spent.values()) == cascade.ledger.total.cost_usd
        assert cascade.ledger.total.usage.output == models.billed.output
        assert len(models.log) == users


async def test_an_openai_client_through_the_server(
    models: ScriptedServer,
    example: Example,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cascade = Cascade.from_file(EXAMPLES / "cascade.yaml")
    options = ServerOptions(key=Secret("sesame"))
    server = uvicorn.Server(
        uvicorn.Config(create_app(cascade, options, close=True), port=0, log_level="error")
    )
    bound = server.config.bind_socket()
    running = asyncio.create_task(server._serve([bound]))
    await until(lambda: server.started, what="the server's start")
    monkeypatch.setenv("CASCADE_URL", f"http://127.0.0.1:{bound.getsockname()[1]}/v1")
    monkeypatch.setenv("CASCADE_SERVE_KEY", "sesame")
    await example("openai_client").main()
    server.should_exit = True
    await running
    said = capsys.readouterr().out
    assert "Hello to you." in said
    assert "def double" in said
    assert "'x-cascade-tier': 'flash'" in said


async def test_a_validator_of_ones_own(
    models: ScriptedServer, example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    await example("custom_validator").main()
    assert capsys.readouterr().out.splitlines() == [
        "1. flash: ['double has no docstring.']",
        "2. flash: passed",
        "accepted",
    ]


async def test_a_policy_of_ones_own(
    models: ScriptedServer, example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    await example("custom_policy").main()
    assert capsys.readouterr().out.splitlines() == [
        "urgent=False: accepted, ['flash']",
        "urgent=True: accepted, ['pro']",
    ]


async def test_three_tiers(
    models: ScriptedServer, example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    await example("three_tiers").main()
    plain, hard, urgent = capsys.readouterr().out.splitlines()
    assert plain == "plain: accepted from local (local at generate)"
    assert hard == "hard: accepted from pro (pro at hard)"
    assert urgent.startswith("urgent: accepted from")
    assert "at race" in urgent


async def test_human_approval(
    models: ScriptedServer, example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter([{"choice": "reject", "fault": "it fails to say what it does"}, "approve"])
    asked: list[dict[str, Any]] = []

    def ask(question: dict[str, Any]) -> Any:
        asked.append(question)
        return next(answers)

    await example("human_approval").main(ask)
    said = capsys.readouterr().out
    assert said.startswith("accepted after 2 attempts")
    assert "Twice as much" in said
    assert [question["ask"] for question in asked] == ["May this be merged?"] * 2


async def test_the_graph_for_langgraph_s_server(
    models: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their command line takes `langgraph.json`, and what it names is a graph."""
    folder = EXAMPLES / "langgraph_app"
    done = subprocess.run(
        [sys.executable, "-m", "langgraph_cli", "validate", "-c", str(folder / "langgraph.json")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LANGGRAPH_CLI_NO_ANALYTICS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "valid" in done.stdout
    monkeypatch.syspath_prepend(str(folder))
    from importlib import import_module

    graph = import_module("app").graph
    state = await graph.ainvoke({"task": {"prompt": "Write `slugify`.", "target": "slug.py"}})
    assert state["result"]["status"] == "accepted"
    assert SLUG.split("\n", 1)[1].startswith(state["result"]["files"]["slug.py"][:20])


@pytest.mark.parametrize("name", ["cascade", "three_tiers", "human_approval"])
def test_their_configs_are_right(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", "scripted")
    with pytest.raises(SystemExit) as ended:
        command_line(["check", str(EXAMPLES / f"{name}.yaml")])
    assert ended.value.code == 0
