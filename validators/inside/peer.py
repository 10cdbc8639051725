"""One end of the line between the two processes: ask, answer, and answer while waiting for an answer."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

SIZE = struct.Struct("!I")
MAX_MESSAGE = 64 << 20


class LineClosedError(Exception):
    """The other process is gone."""


class Peer:
    """Messages are JSON. A question may be answered by a question (a callback), to any depth."""

    def __init__(self, connection: Any, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self._connection = connection
        self._answer = answer

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Send, and serve what comes until the answer does."""
        self._send({"ask": question})
        while True:
            message = self._receive()
            if "ask" in message:
                self._send({"say": self._answer(message["ask"])})
            else:
                said = message.get("say")
                if not isinstance(said, dict):
                    raise LineClosedError("it said nothing that can be understood")
                return said

    def serve(self) -> None:
        """Answer until the other side hangs up."""
        while True:
            try:
                message = self._receive()
            except LineClosedError:
                return
            self._send({"say": self._answer(message["ask"])})

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode()
        try:
            self._connection.sendall(SIZE.pack(len(data)) + data)
        except OSError as error:
            raise LineClosedError("the solution's process has ended") from error

    def _receive(self) -> dict[str, Any]:
        size = SIZE.unpack(self._exactly(SIZE.size))[0]
        if size > MAX_MESSAGE:
            raise LineClosedError(f"a message of {size} bytes")
        try:
            message = json.loads(self._exactly(size))
        except (ValueError, RecursionError) as error:
            raise LineClosedError("a message that is no JSON") from error
        if not isinstance(message, dict):
            raise LineClosedError("a message that is no object")
        return message

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            try:
                part = self._connection.recv(min(size, 1 << 20))
            except OSError as error:
                raise LineClosedError("the solution's process has ended") from error
            if not part:
                raise LineClosedError("the solution's process has ended")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)
