"""What stands before the endpoint: the key, the limit on bodies, the limit on requests at once."""

from __future__ import annotations

import hmac

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cascade.server.answers import error_body
from cascade.server.options import ServerOptions

OPEN = frozenset({"/health"})


class TooLargeError(Exception):
    """A body beyond the limit."""


class Guard:
    """ASGI middleware. 401 without the key, 413 above the limit, 429 while too many are under way."""

    def __init__(self, app: ASGIApp, options: ServerOptions) -> None:
        self._app = app
        self._options = options
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(Headers(scope=scope))
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        self._under_way += 1
        try:
            await self._app(scope, self._measured(receive), send)
        finally:
            self._under_way -= 1

    def _refusal(self, headers: Headers) -> JSONResponse | None:
        if not self._authentic(headers.get("authorization", "")):
            body = error_body("a valid key is needed: Authorization: Bearer KEY", code="invalid_api_key")
            return JSONResponse(body, 401, headers={"www-authenticate": "Bearer"})
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._options.max_body_bytes:
            return too_large(self._options)
        if self._under_way >= self._options.max_concurrency:
            body = error_body(
                f"{self._under_way} requests are under way", code="rate_limit_exceeded", kind="rate_limit"
            )
            return JSONResponse(body, 429, headers={"retry-after": "1"})
        return None

    def _authentic(self, header: str) -> bool:
        if self._options.key is None:
            return True
        scheme, _, shown = header.partition(" ")
        expected = self._options.key.reveal()
        same = hmac.compare_digest(shown.strip().encode(), expected.encode())
        return scheme.lower() == "bearer" and same

    def _measured(self, receive: Receive) -> Receive:
        """`receive` that refuses a body which is longer than it said."""
        taken = 0

        async def measured() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._options.max_body_bytes:
                raise TooLargeError
            return message

        return measured


def too_large(options: ServerOptions) -> JSONResponse:
    """413, and the limit."""
    text = f"the body is longer than {options.max_body_bytes} bytes"
    return JSONResponse(error_body(text, code="request_too_large"), 413)
