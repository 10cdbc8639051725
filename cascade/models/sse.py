"""Server-sent events out of bytes, by the standard (html.spec.whatwg.org, section 9.2.6).

Lines end with CR, LF or CRLF; a byte order mark is dropped; bytes that are not UTF-8 are replaced; fields other than
`data` and `event` are passed over. Beyond the standard, the last event may lack its blank line: servers forget it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MOST_BYTES = 32 * 1024 * 1024  # of one event; beyond that it is no chat completion
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class OversizedError(ValueError):
    """An event or a body beyond what an answer can be."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event with data. `name` is its `event` field, empty where there is none."""

    data: str
    name: str = ""


class EventDecoder:
    """Takes a stream's bytes in whatever parts they come."""

    def __init__(self) -> None:
        self._rest = b""
        self._scanned = 0
        self._begun = False
        self._data: list[str] = []
        self._size = 0
        self._name = ""

    def feed(self, received: bytes) -> Iterator[ServerEvent]:
        """The events that these bytes complete. Raises `OversizedError`."""
        self._rest += received
        if not self._begun:
            if len(self._rest) < len(_BOM) and _BOM.startswith(self._rest):
                return
            self._begun = True
            self._rest = self._rest.removeprefix(_BOM)
        start = 0
        for end in _LINE_END.finditer(self._rest, self._scanned):
            if end.group() == b"\r" and end.end() == len(self._rest):
                break  # its LF may still come
            event = self._line(self._rest[start : end.start()])
            start = end.end()
            if event is not None:
                yield event
        self._rest = self._rest[start:]
        self._scanned = len(self._rest) - self._rest.endswith(b"\r")
        if len(self._rest) + self._size > MOST_BYTES:
            raise OversizedError(f"an event of more than {MOST_BYTES} bytes")

    def end(self) -> Iterator[ServerEvent]:
        """What is left when the stream has ended."""
        last, self._rest = self._rest.removesuffix(b"\r"), b""
        for line in (last, b""):
            event = self._line(line)
            if event is not None:
                yield event

    def _line(self, line: bytes) -> ServerEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        if field == b"data":
            self._data.append(text)
            self._size += len(value)
        elif field == b"event":
            self._name = text
        return None

    def _dispatch(self) -> ServerEvent | None:
        data, name = self._data, self._name
        self._data, self._name, self._size = [], "", 0
        return ServerEvent("\n".join(data), name) if data else None
