"""The little HTTP that a scripted server needs: read a request, write headers, chunks, resets."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def document(self) -> dict[str, Any]:
        """The body as a JSON object; empty if it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


class Packer:
    """Packs a stream with gzip, piece by piece, or lets it through."""

    def __init__(self, *, packs: bool) -> None:
        self._zlib = zlib.compressobj(wbits=31) if packs else None

    def pack(self, data: bytes) -> bytes:
        """The next piece, so that it can be read at once."""
        if self._zlib is None:
            return data
        return self._zlib.compress(data) + self._zlib.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        """What is left."""
        return b"" if self._zlib is None else self._zlib.flush()


@dataclass(slots=True)
class Connection:
    """One client's connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    chunked: bool = field(default=False, init=False)

    async def read(self) -> HttpRequest | None:
        """The next request; None at the end."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        size = min(int(headers.get("content-length", "0")), MOST_BYTES)
        body = await self.reader.readexactly(size)
        return HttpRequest(method=method, path=path, headers=headers, body=body)

    async def send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """A whole response."""
        await self._head(status, {"content-length": str(len(body)), **headers})
        self.writer.write(body)
        await self.writer.drain()

    async def send_json(
        self, status: int, document: object, headers: Mapping[str, str] | None = None
    ) -> None:
        """A whole JSON response."""
        body = json.dumps(document).encode()
        await self.send(status, body, {"content-type": "application/json", **(headers or {})})

    async def begin(self, headers: Mapping[str, str]) -> None:
        """The head of a streamed response."""
        await self._head(200, {"transfer-encoding": "chunked", **headers})

    async def chunk(self, data: bytes) -> None:
        """One piece of a streamed response; an empty one would end it, and is left out."""
        if not data:
            return
        self.writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await self.writer.drain()

    async def end(self) -> None:
        """The end of a streamed response."""
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    def reset(self) -> None:
        """Hang up with a TCP reset."""
        raw: socket.socket = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def _head(self, status: int, headers: Mapping[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        await self.writer.drain()
