"""Serving by uvicorn: bound, announced, ended in order."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from cascade.api import Cascade
from cascade.errors import OutsideError
from cascade.server.app import create_app
from cascade.server.options import ServerOptions


class _Server(uvicorn.Server):
    """A server that ends on a signal without raising it again, so that ending in order is exit code 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def serve(cascade: Cascade, options: ServerOptions, *, announce: Callable[[int], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM: then no new requests, open ones end (or are cut), the cascade is closed.

    announce: told the port as soon as it is bound. Raises OutsideError if it cannot be.
    """
    config = uvicorn.Config(
        create_app(cascade, options, close=True),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=max(1, round(options.shutdown_s)),
        server_header=False,
    )
    try:
        family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        bound = socket.create_server((options.host, options.port), family=family)
    except OSError as error:
        raise OutsideError(
            f"cannot listen on {options.host}:{options.port}: {error.strerror or error}",
            hint="choose another --port (0 takes a free one)",
        ) from error
    with bound:
        if announce is not None:
            announce(bound.getsockname()[1])
        asyncio.run(_Server(config).serve(sockets=[bound]))
