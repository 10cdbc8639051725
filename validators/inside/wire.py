"""Messages between the library and its fork server: a JSON head and raw bytes, over one stream."""

from __future__ import annotations

import json
import struct
from typing import Any

HEAD = struct.Struct("!II")
MAX_MESSAGE = 256 << 20


def encode(head: dict[str, Any], body: bytes = b"") -> bytes:
    """One message as bytes."""
    text = json.dumps(head, separators=(",", ":")).encode()
    return HEAD.pack(len(text), len(body)) + text + body


def sizes(prefix: bytes) -> tuple[int, int]:
    """Lengths of head and body from the first `HEAD.size` bytes. Raises ValueError if they cannot be right."""
    head, body = HEAD.unpack(prefix)
    if head + body > MAX_MESSAGE:
        raise ValueError(f"a message of {head + body} bytes")
    return head, body


def decode(text: bytes) -> dict[str, Any]:
    """The head. Raises ValueError if it is no JSON object."""
    head = json.loads(text)
    if not isinstance(head, dict):
        raise ValueError("the head is no object")  # noqa: TRY004  (one error for all bad messages)
    return head
