"""One fork server, seen from outside: start it, ask it, end it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cascade.errors import SandboxError
from cascade.validators.inside import wire
from cascade.validators.sandbox.limits import Completed

START_S = 60.0
GRACE_S = 10.0
CANCEL_S = 3.0


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is started: the command, its environment, and its first message."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    hello: Mapping[str, Any]
    log: Path


class WorkerLostError(Exception):
    """The server ended, or said what it cannot have said."""


class Worker:
    """A running server. One request at a time; whoever holds it must give it back or close it."""

    def __init__(self, launch: Launch) -> None:
        ours, theirs = socket.socketpair()
        try:
            with launch.log.open("ab") as log:
                self._process = subprocess.Popen(
                    launch.argv,
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=log,
                    env=dict(launch.env),
                    cwd="/",
                )
        except OSError as error:
            ours.close()
            raise SandboxError(
                f"the sandbox cannot be started: {error}", hint="see `cascade doctor`"
            ) from error
        finally:
            theirs.close()
        ours.settimeout(0)
        self._socket = ours
        self._log = launch.log
        self._requests = 0
        self.ready = False

    async def start(self, hello: Mapping[str, Any]) -> None:
        """Say hello and wait until it is ready. Raises SandboxError, and closes, if it does not get there."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(START_S):
                await loop.sock_sendall(self._socket, wire.encode(dict(hello)))
                await self._answer()
        except (OSError, ValueError, WorkerLostError, TimeoutError) as error:
            self.close()
            said = self._log.read_text("utf-8", "replace")[-600:].strip() if self._log.exists() else ""
            raise SandboxError(
                f"the sandbox did not start: {str(error) or 'timeout'}{': ' + said if said else ''}",
                hint="see `cascade doctor` for what this machine can isolate with",
            ) from error
        except BaseException:
            self.close()
            raise
        self.ready = True

    async def ask(self, head: Mapping[str, Any], body: bytes, wall_s: float) -> Completed:
        """One run. Cancelling ends what runs inside; a server that does not answer is closed.

        Raises:
            WorkerLostError: the server ended or is out of step; it is closed.
        """
        loop = asyncio.get_running_loop()
        self._requests += 1
        message = wire.encode({**head, "id": self._requests}, body)
        started = time.monotonic()
        try:
            async with asyncio.timeout(wall_s + GRACE_S):
                await loop.sock_sendall(self._socket, message)
                answer, output = await self._answer()
        except asyncio.CancelledError:
            await asyncio.shield(self._cancel())
            raise
        except (OSError, ValueError, TimeoutError, WorkerLostError) as error:
            self.close()
            raise WorkerLostError(str(error) or type(error).__name__) from error
        return _completed(answer, output, time.monotonic() - started)

    async def _cancel(self) -> None:
        """End the current run. An answer half read cannot be resynchronised, so the server goes with it."""
        await asyncio.to_thread(self.close)

    async def _answer(self) -> tuple[dict[str, Any], bytes]:
        head_size, body_size = wire.sizes(await self._exactly(wire.HEAD.size))
        head = wire.decode(await self._exactly(head_size))
        return head, await self._exactly(body_size)

    async def _exactly(self, size: int) -> bytes:
        loop = asyncio.get_running_loop()
        parts: list[bytes] = []
        while size:
            part = await loop.sock_recv(self._socket, min(size, 1 << 20))
            if not part:
                raise WorkerLostError("it ended")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    @property
    def closed(self) -> bool:
        """True once it has been closed."""
        return self._socket.fileno() < 0

    def abandon(self) -> None:
        """In a forked child: leave the server to the parent, and close this process's copy of the line."""
        self._socket.close()
        self._process.returncode = self._process.returncode or 0  # it is no child of this process

    def close(self) -> None:
        """Hang up: the server kills what it runs and ends; it is killed if it does not."""
        self._socket.close()
        try:
            self._process.wait(CANCEL_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(CANCEL_S)


def _completed(answer: Mapping[str, Any], output: bytes, wall_s: float) -> Completed:
    sizes: Sequence[int] = answer["sizes"]
    first, second = sizes[0], sizes[0] + sizes[1]
    return Completed(
        returncode=answer["returncode"],
        stdout=output[:first],
        stderr=output[first:second],
        report=output[second:],
        ended=answer["ended"],
        truncated=answer["truncated"],
        wall_s=wall_s,
    )
