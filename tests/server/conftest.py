"""A served cascade: real HTTP, a real uvicorn, the real openai client, scripted models behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import uvicorn
from openai import AsyncOpenAI

from cascade.models.scripted import Answer
from cascade.server import ServerOptions, create_app
from tests.integrations.conftest import Rig
from tests.waiting import until


class Served:
    """A rig behind a port."""

    def __init__(self, rig: Rig, options: ServerOptions) -> None:
        self.rig = rig
        self.options = options
        config = uvicorn.Config(create_app(rig.cascade, options), port=0, log_level="error", lifespan="off")
        self._server = uvicorn.Server(config)
        self._task: asyncio.Task[None] | None = None
        self._clients: list[AsyncOpenAI] = []
        self.port = 0

    @property
    def base_url(self) -> str:
        """What a client is given."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Served:
        socket = self._server.config.bind_socket()
        self.port = socket.getsockname()[1]
        self._task = asyncio.create_task(self._server._serve([socket]))
        await until(lambda: self._server.started, what="the server's start")
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            await client.close()
        self._server.should_exit = True
        assert self._task is not None
        await self._task
        await self.rig.cascade.aclose()

    def client(self, key: str = "none", **options: Any) -> AsyncOpenAI:
        """The real client, without retries of its own."""
        options = {"max_retries": 0, **options}
        self._clients.append(AsyncOpenAI(base_url=self.base_url, api_key=key, **options))
        return self._clients[-1]


Serve = Callable[..., Any]


@pytest.fixture
async def served() -> AsyncGenerator[Serve]:
    """Serves rigs, and ends them."""
    async with AsyncExitStack() as stack:

        async def start(
            flash: list[Answer],
            pro: list[Answer] | None = None,
            *,
            options: ServerOptions | None = None,
            **config: Any,
        ) -> Served:
            rig = Rig(flash, pro or ["from pro"], **config)
            return await stack.enter_async_context(Served(rig, options or ServerOptions()))

        yield start
