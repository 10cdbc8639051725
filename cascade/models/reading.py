"""Reads an answer's bytes to their end: events into an assembly, and how long silence may last.

An answer that has its finish reason is whole, however the connection ends. Comments are no sign of life once data has
come; before that they keep a queued request's place, where the endpoint's documentation says so.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

import orjson

from cascade.models.assembly import Assembly
from cascade.models.error_body import ServerError, body_error, chunk_error, is_page, read_error
from cascade.models.finish import is_clean
from cascade.models.loose import MalformedError
from cascade.models.sse import MOST_BYTES, EventDecoder, OversizedError, ServerEvent

END_S = 3.0  # for the rest of a stream whose answer is whole and counted, or has failed
DRAIN_S = 0.5  # for the end of the body after [DONE], so that the connection can be used again
_BEATS = frozenset({"", "ping", "pong", "heartbeat", "keep-alive", ": keep-alive", "null", "{}"})


class ServerFailedError(Exception):
    """The stream holds an error instead of more of the answer."""

    def __init__(self, error: ServerError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How many seconds a stream may be silent. A limit is for the time between two data events."""

    idle: float
    queue: float
    """Until the first data, while comments or blank lines come."""


class Reading:
    """One response's body on its way into an assembly."""

    def __init__(self, assembly: Assembly, patience: Patience) -> None:
        self.assembly = assembly
        self.done = False
        self._patience = patience
        self._decoder = EventDecoder()
        self._events = 0
        self._failed: ServerFailedError | MalformedError | None = None
        self._body = bytearray()

    @property
    def is_whole(self) -> bool:
        """Whether the answer is complete: it has its finish reason, or its usage and the protocol's end."""
        got = self.assembly
        if got.finish_reason is None:
            return self.done and got.usage.last is not None
        return is_clean(got.finish_reason)

    async def deltas(self, parts: AsyncIterator[bytes]) -> AsyncGenerator[tuple[str, str]]:
        """New text and new reasoning as they come.

        Raises `ServerFailedError`, `MalformedError`, `OversizedError`, `TimeoutError`, and what reading raises;
        nothing of these once the answer is whole.
        """
        broken: Exception | None = None
        try:
            async with aclosing(self._received(parts)) as events:
                async for event in events:
                    for delta in self._looked_at(event):
                        yield delta
            if not self._events:
                for delta in self._whole_body():
                    yield delta
        except Exception as error:  # noqa: BLE001  (raised below, unless the answer is whole)
            broken = error
        failed = self._failed or broken
        if failed is not None and not self.is_whole:
            raise failed
        left = self.assembly.end()
        if any(left):
            yield left

    def _looked_at(self, event: ServerEvent) -> Iterator[tuple[str, str]]:
        """The event's deltas. After a failure only the usage is of interest, which may still come."""
        try:
            if self._failed is None:
                yield from self._deltas_of(event)
            else:
                self._count_only(event)
        except (ServerFailedError, MalformedError) as error:
            self._failed = self._failed or error

    def _count_only(self, event: ServerEvent) -> None:
        data = event.data.strip()
        self.done = self.done or data.startswith("[DONE]")
        chunk = None if self.done else _document(data)
        if isinstance(chunk, Mapping):
            self.assembly.usage.take(chunk)

    async def _received(self, parts: AsyncIterator[bytes]) -> AsyncGenerator[ServerEvent]:
        clock = asyncio.get_running_loop().time
        began = sign = clock()
        while True:
            limit = self._limit(began, sign)
            try:
                async with asyncio.timeout_at(limit):
                    part = await anext(parts, None)
            except TimeoutError:
                if self.is_whole or self._failed is not None:
                    return
                raise
            if part is None:
                break
            self._remember(part)
            for event in self._decoder.feed(part):
                self._events += 1
                sign = clock()
                yield event
            if self.done:
                await _drained(parts, min(DRAIN_S, self._patience.idle))
                return
        for event in self._decoder.end():
            if _is_readable(event.data):  # a line that was cut in the middle is no event
                self._events += 1
                yield event

    def _limit(self, began: float, sign: float) -> float:
        if not self._events:
            return began + max(self._patience.idle, self._patience.queue)
        if self._failed is not None or (self.is_whole and self.assembly.usage.last is not None):
            return sign + min(END_S, self._patience.idle)
        return sign + self._patience.idle

    def _remember(self, part: bytes) -> None:
        """Until there is an event this may be a body of another kind."""
        if self._events:
            self._body.clear()
            return
        self._body += part
        if len(self._body) > MOST_BYTES:
            raise OversizedError(f"a body of more than {MOST_BYTES} bytes")

    def _deltas_of(self, event: ServerEvent) -> Iterator[tuple[str, str]]:
        data = event.data.strip()
        if self.done:
            return
        if data.startswith("[DONE]"):
            self.done = True
            return
        if data.lower() in _BEATS:
            return
        if not data.startswith(("{", "[")):
            raise ServerFailedError(ServerError(message=data)) if event.name == "error" else _no_chunk(data)
        yield from self._fed(_document(data), failed=event.name == "error")

    def _fed(self, document: Any, *, failed: bool = False) -> Iterator[tuple[str, str]]:
        for chunk in document if isinstance(document, list) else [document]:
            if not isinstance(chunk, Mapping):
                raise MalformedError("a chunk is not an object")
            error = body_error(json.dumps(chunk)) if failed else chunk_error(chunk)
            if error is None or chunk.get("choices"):
                yield self.assembly.feed(chunk)
            if error is not None:
                raise ServerFailedError(error)

    def _whole_body(self) -> Iterator[tuple[str, str]]:
        """A body without events: an answer that was not streamed, an error, or something else."""
        text = self._body.decode("utf-8", "replace").removeprefix("\ufeff").strip()
        if not text or is_page(text):
            raise _no_chunk(body_error(text).message)
        document = _document(text) if text.startswith(("{", "[")) else None
        if document is None:
            raise _no_chunk(text)
        if isinstance(document, Mapping) and not document.get("choices"):
            raise ServerFailedError(read_error(document))
        yield from self._fed(document)


async def _drained(parts: AsyncIterator[bytes], seconds: float) -> None:
    with suppress(Exception):  # the answer is here; how its connection ends does not matter
        async with asyncio.timeout(seconds):
            async for _ in parts:
                pass


def _document(text: str) -> Any:
    """JSON, half surrogates included, which the faster reader refuses. Raises `MalformedError`."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"a chunk is not JSON: {text[:120]!r}") from error


def _is_readable(data: str) -> bool:
    if data.lstrip().startswith("[DONE]"):
        return True
    try:
        _document(data)
    except MalformedError:
        return False
    return True


def _no_chunk(said: str) -> MalformedError:
    return MalformedError(f"it said: {said[:200]!r}" if said else "its body is empty")
