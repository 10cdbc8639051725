"""The ASGI application: chat completions, the list of models, health."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from typing import TypeVar

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from cascade import __version__
from cascade.api import Cascade
from cascade.conversation import chat_checks
from cascade.errors import CascadeError, UsageError
from cascade.server.answers import completion, error_body, failure, headers
from cascade.server.guard import Guard, TooLargeError, too_large
from cascade.server.options import ServerOptions
from cascade.server.replies import JsonReply
from cascade.server.streaming import ChatStream
from cascade.server.wire import ChatRequest, RequestError, parse, task_of
from cascade.toolchoice import is_older_protocol
from cascade.types import Task
from cascade.wiring.conversation import demands

T = TypeVar("T")
CLIENT_GONE = 499


def create_app(cascade: Cascade, options: ServerOptions | None = None, *, close: bool = False) -> Starlette:
    """An ASGI application in front of a cascade, to run or to mount in yours.

    close: end the cascade when the application shuts down (a mounted application is not told of it).
    """
    options = options or ServerOptions()
    endpoint = Endpoint(cascade, options)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            if close:
                await cascade.aclose()

    return Starlette(
        routes=[
            Route("/health", endpoint.health),
            Route("/v1/models", endpoint.models),
            Route("/v1/models/{name:path}", endpoint.model),
            Route("/v1/chat/completions", endpoint.chat, methods=["POST"]),
        ],
        middleware=[Middleware(Guard, options=options)],
        lifespan=lifespan,
    )


class Endpoint:
    """The routes, over one cascade."""

    def __init__(self, cascade: Cascade, options: ServerOptions) -> None:
        self._cascade = cascade
        self._options = options
        self._started = int(time.time())
        configured = options.validators
        self._checks = chat_checks(cascade.validators) if configured is None else configured

    async def health(self, _: Request) -> Response:
        """200 while the server takes requests."""
        return JsonReply({"status": "ok", "version": __version__})

    async def models(self, _: Request) -> Response:
        """The list of models: one, the cascade."""
        return JsonReply({"object": "list", "data": [self._model()]})

    async def model(self, request: Request) -> Response:
        """The cascade as a model, or 404."""
        name = request.path_params["name"]
        return JsonReply(self._model()) if name == self._options.model else self._unknown(name)

    async def chat(self, request: Request) -> Response:
        """A chat completion, streamed or not."""
        try:
            chat = parse(await request.body())
            if chat.model != self._options.model:
                return self._unknown(chat.model)
            task = task_of(chat, validators=self._checks)
            if chat.stream:
                return self._streamed(chat, task)
            return await self._whole(request, task)
        except TooLargeError:
            return too_large(self._options)
        except RequestError as error:
            body = error_body(error.message, code=error.code, param=error.param)
            return JsonReply(body, error.status)
        except CascadeError as error:
            status = 400 if isinstance(error, UsageError) else 500
            return JsonReply(error_body(str(error), code=error.code), status, headers=_FINAL)

    async def _whole(self, request: Request, task: Task) -> Response:
        result = await _while_connected(request.receive, self._cascade.run(task))
        if result is None:
            return Response(status_code=CLIENT_GONE)
        failed = failure(result)
        if failed is not None:
            return JsonReply(failed[1], failed[0], headers={**headers(result), **_FINAL})
        older = is_older_protocol(task)
        body = completion(result, model=self._options.model, created=int(time.time()), older=older)
        return JsonReply(body, headers=headers(result))

    def _streamed(self, chat: ChatRequest, task: Task) -> Response:
        stream = ChatStream(
            self._cascade,
            task,
            model=self._options.model,
            live=task.validators == () and not demands(task),
            usage=chat.wants_usage,
            keep_alive_s=self._options.keep_alive_s,
        )
        head = {"x-request-id": task.id, "cache-control": "no-store", "x-accel-buffering": "no"}
        return _Stream(aiter(stream), media_type="text/event-stream", headers=head)

    def _model(self) -> dict[str, object]:
        return {
            "id": self._options.model,
            "object": "model",
            "created": self._started,
            "owned_by": "cascade",
            "cascade": {"tiers": list(self._cascade.tiers), "validators": list(self._cascade.validators)},
        }

    def _unknown(self, name: str) -> Response:
        text = f"there is no model {name!r} here; there is {self._options.model!r}"
        return JsonReply(error_body(text, code="model_not_found", param="model"), 404)


# The tiers were tried and retried already: a client that tries again pays again.
_FINAL = {"x-should-retry": "false"}


class _Stream(StreamingResponse):
    """A stream that ends as soon as its reader has left, not at the next piece."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  (ASGI)
        await _while_connected(receive, self.stream_response(send))


async def _while_connected(receive: Receive, work: Awaitable[T]) -> T | None:
    """The result; None if the client left before it was there, which cancels the work."""
    running = asyncio.ensure_future(work)
    gone = asyncio.create_task(_disconnected(receive))
    try:
        await asyncio.wait({running, gone}, return_when=asyncio.FIRST_COMPLETED)
        return running.result() if running.done() else None
    finally:
        for task in (running, gone):
            task.cancel()
        await asyncio.gather(running, gone, return_exceptions=True)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
