"""Serving by uvicorn: bound, announced, ended in order."""

from __future__ import annotations

import asyncio
import signal
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
        host=options.host,
        port=options.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=max(1, round(options.shutdown_s)),
        server_header=False,
    )
    try:
        socket = config.bind_socket()
    except SystemExit as error:  # uvicorn's way to say that the address is taken
        raise OutsideError(
            f"cannot listen on {options.host}:{options.port}",
            hint="choose another --port (0 takes a free one)",
        ) from error
    if announce is not None:
        announce(socket.getsockname()[1])
    asyncio.run(_Server(config).serve(sockets=[socket]))
