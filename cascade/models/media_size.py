"""What a part of a message holds besides text: its kind, and how large it is as far as its own bytes tell."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["picture", "audio", "video", "pages", "text"]

_KINDS: Mapping[str, Kind] = {
    "image_url": "picture",
    "input_image": "picture",
    "image": "picture",
    "input_audio": "audio",
    "audio": "audio",
    "audio_url": "audio",
    "video": "video",
    "video_url": "video",
    "input_video": "video",
    "file": "pages",
    "input_file": "pages",
    "document": "pages",
}
_HEAD = 512 * 1024  # base64 characters that are decoded to look for a picture's size
SLOWEST_AUDIO, USUAL_AUDIO = 1_000, 16_000  # bytes a second: 8 and 128 kbit/s
SLOWEST_VIDEO, USUAL_VIDEO = 25_000, 250_000
_PAGE = re.compile(rb"/Type\s*/Page(?![a-zA-Z])")
_BYTES_OF_A_PAGE = (50_000, 2_000)  # usual, and the fewest, where a PDF hides its pages in compressed objects


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """One part. What its own bytes do not tell is None."""

    kind: Kind
    bytes: int = 0
    """Of the part itself; 0 where it is given by address or id."""
    size: tuple[int, int] | None = None
    """Width and height in pixels."""
    seconds: tuple[float, float] | None = None
    """Expected and at most."""
    pages: tuple[int, int] | None = None
    """Expected and at most."""


def payload_of(part: Mapping[str, Any]) -> Payload | None:
    """What a part holds; None if it is text."""
    kind = _KINDS.get(str(part.get("type")))
    if kind is None:
        return None
    given = _data(part, str(part.get("type")))
    if given is None:
        return Payload(kind=kind)
    mime, encoded = given
    count = len(encoded) * 3 // 4
    if kind == "picture":
        return Payload(kind=kind, bytes=count, size=picture_size(_decoded(encoded[:_HEAD])))
    if kind == "audio":
        return Payload(kind=kind, bytes=count, seconds=_audio(_decoded(encoded[:4096]), count))
    if kind == "video":
        return Payload(kind=kind, bytes=count, seconds=(count / USUAL_VIDEO, count / SLOWEST_VIDEO))
    return _document(encoded, count, mime)


def _data(part: Mapping[str, Any], kind: str) -> tuple[str, str] | None:
    """Media type and base64 text of what the part carries itself; None where it is an address or an id."""
    holder = part.get(kind, part)
    for key in ("source", "input_audio", "file"):
        inner = part.get(key)
        holder = inner if isinstance(inner, Mapping) else holder
    texts = [holder] if isinstance(holder, str) else []
    if isinstance(holder, Mapping):
        named = (holder.get(key) for key in ("url", "data", "file_data", "image_url", "audio_url"))
        texts = [text for text in named if isinstance(text, str)]
    for text in texts:
        head, comma, body = text.partition(",")
        if head.startswith("data:") and comma:
            return head[5:].partition(";")[0], body
        if not re.match(r"[a-z][a-z0-9+.-]*://", text[:40], re.I):
            mime = holder.get("media_type", "") if isinstance(holder, Mapping) else ""
            return str(mime), text
    return None


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded[: len(encoded) // 4 * 4].encode("ascii", "replace"))
    except (binascii.Error, ValueError):
        return b""


def picture_size(head: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, GIF, WebP or JPEG by its first bytes; None where they do not tell."""
    try:
        if head[:8] == b"\x89PNG\r\n\x1a\n":
            return _positive(*struct.unpack(">II", head[16:24]))
        if head[:6] in (b"GIF87a", b"GIF89a"):
            return _positive(*struct.unpack("<HH", head[6:10]))
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return _webp(head)
        if head[:2] == b"\xff\xd8":
            return _jpeg(head)
    except (struct.error, IndexError):
        return None
    return None


def _positive(width: int, height: int) -> tuple[int, int] | None:
    return (width, height) if 0 < width <= 100_000 and 0 < height <= 100_000 else None


def _webp(head: bytes) -> tuple[int, int] | None:
    if head[12:16] == b"VP8X":
        return _positive(1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little"))
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return _positive(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    width, height = struct.unpack("<HH", head[26:30])
    return _positive(width & 0x3FFF, height & 0x3FFF)


def _jpeg(head: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 < len(head):
        if head[at] != 0xFF:
            return None
        marker = head[at + 1]
        if marker in range(0xC0, 0xD0) and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return _positive(width, height)
        alone = marker == 0xFF or 0xD0 <= marker <= 0xD9
        at += 1 if marker == 0xFF else 2 if alone else 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return None


def _audio(head: bytes, count: int) -> tuple[float, float]:
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        at = head.find(b"fmt ")
        rate = int.from_bytes(head[at + 16 : at + 20], "little") if at > 0 else 0
        if rate:
            return count / rate, count / rate
    return count / USUAL_AUDIO, count / SLOWEST_AUDIO


def _document(encoded: str, count: int, mime: str) -> Payload:
    if mime.startswith("text/") or mime in ("application/json", "application/xml"):
        return Payload(kind="text", bytes=count)
    pages = len(_PAGE.findall(_decoded(encoded)))
    if pages:
        return Payload(kind="pages", bytes=count, pages=(pages, pages))
    usual, fewest = _BYTES_OF_A_PAGE
    return Payload(kind="pages", bytes=count, pages=(1 + count // usual, 1 + count // fewest))
