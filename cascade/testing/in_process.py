"""An endpoint in process: the real client over a transport that replays responses, byte by byte, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from cascade.models.openai import OpenAIEndpoint
from cascade.models.spec import EndpointSpec
from cascade.models.transport import http_library
from cascade.testing.mutations import WireAnswer


class InProcessEndpoint(OpenAIEndpoint):
    """Asks `answer` (a function of the request's body) instead of a server. size: bytes in a part of a response."""

    def __init__(self, spec: EndpointSpec, answer: Callable[[bytes], WireAnswer], *, size: int = 37) -> None:
        super().__init__(spec)
        self._answer = answer
        self._size = size

    def _connected(self, *, beta: bool) -> Any:
        http: Any = http_library()
        client = http.AsyncClient(transport=http.MockTransport(self._respond))
        return super()._connected(beta=beta).with_options(http_client=client)

    async def _respond(self, request: Any) -> Any:
        answer = self._answer(request.content)
        http: Any = http_library()
        stream = _stream_class()(answer, self._size)
        return http.Response(answer.status, headers=list(answer.headers), stream=stream)


def _stream_class() -> Any:
    http: Any = http_library()

    class Replay(http.AsyncByteStream):  # type: ignore[misc]
        """A response's body in parts, and its end."""

        def __init__(self, answer: WireAnswer, size: int) -> None:
            self._answer = answer
            self._size = size

        async def __aiter__(self) -> AsyncIterator[bytes]:
            body = self._answer.body
            for start in range(0, len(body), self._size):
                yield body[start : start + self._size]
            if self._answer.end == "broken":
                raise http.ReadError("the connection broke")
            if self._answer.end == "open":
                await asyncio.Event().wait()

    return Replay
