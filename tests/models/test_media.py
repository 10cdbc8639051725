"""Pictures, audio and files count by the rules that providers publish, not by the bytes of their address."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest

from cascade.models.media import PICTURES, media_tokens, picture_tokens
from cascade.models.media_size import picture_size
from cascade.models.tokens import estimate_input, most_input
from cascade.types import JsonObject

# (model, width, height, tokens), as the providers' own pages compute them.
EXAMPLES = [
    ("gpt-4o", 1024, 1024, 765),
    ("gpt-4o", 2048, 4096, 1105),
    ("gpt-4o", 128, 128, 255),
    ("gpt-4o-mini", 512, 512, 8500),
    ("gpt-4.1-mini", 1024, 1024, 1659),
    ("o3", 1024, 1024, 675),
    ("claude-sonnet-4-5", 1000, 1000, 1334),
    ("gemini-2.5-flash", 300, 300, 258),
    ("pixtral-12b", 1024, 1024, 4160),
    ("grok-4", 448, 448, 512),
]


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIB", 13, b"IHDR", width, height, 8)


def jpeg(width: int, height: int) -> bytes:
    exif = b"\xff\xe1" + struct.pack(">H", 70_000 % 65_536) + b"x" * (70_000 % 65_536 - 2)
    return b"\xff\xd8" + exif + b"\xff\xc2\x00\x11\x08" + struct.pack(">HH", height, width) + b"\x03" * 12


HEADS = {
    "png": png(640, 480),
    "gif": b"GIF89a" + struct.pack("<HH", 640, 480),
    "jpeg": jpeg(640, 480),
    "webp lossy": b"RIFF\0\0\0\0WEBPVP8 " + b"\0" * 10 + struct.pack("<HH", 640, 480),
    "webp": b"RIFF\0\0\0\0WEBPVP8X" + b"\0" * 8 + (639).to_bytes(3, "little") + (479).to_bytes(3, "little"),
    "webp lossless": b"RIFF\0\0\0\0WEBPVP8L" + b"\0" * 5 + (639 | 479 << 14).to_bytes(4, "little"),
}


def of(part: dict[str, Any]) -> tuple[JsonObject, ...]:
    return ({"role": "user", "content": [{"type": "text", "text": "What is this?"}, part]},)


def data_url(mime: str, content: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


@pytest.mark.parametrize(("model", "width", "height", "tokens"), EXAMPLES)
def test_a_picture_costs_what_the_providers_page_says(
    model: str, width: int, height: int, tokens: int
) -> None:
    assert picture_tokens(model)(width, height) == (tokens, tokens)


@pytest.mark.parametrize("name", HEADS)
def test_a_pictures_size_is_read_from_its_bytes(name: str) -> None:
    assert picture_size(HEADS[name]) == (640, 480)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\xff\xd8", b"\xff\xd8\xff", HEADS["png"][:18]])
def test_a_size_that_is_not_told_is_not_made_up(content: bytes) -> None:
    assert picture_size(content) is None


def test_a_picture_by_address_is_set_aside_for_at_the_rules_largest() -> None:
    by_address = of({"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}})
    small = of({"type": "image_url", "image_url": {"url": data_url("image/png", png(64, 64))}})
    assert media_tokens(by_address, ["gpt-4o-mini"]).most == 2833 + 5667 * 4
    assert media_tokens(by_address, ["no-such-model"]).most >= 2833 + 5667 * 4
    assert media_tokens(small, ["gpt-4o"]).most == 255
    assert media_tokens(by_address, ["gpt-4o"]).expected == 765
    assert media_tokens(by_address, ["gpt-4o", "gpt-4o-mini"]).most == 2833 + 5667 * 4


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "image_url", "image_url": "https://example.org/a.png"},
        {"type": "input_image", "image_url": "https://example.org/a.png"},
        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
        {"type": "image", "source": {"type": "file", "file_id": "f"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA" * 4000, "format": "mp3"}},
        {"type": "audio_url", "audio_url": {"url": "https://example.org/a.mp3"}},
        {"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "input_file", "file_id": "file-1"},
        {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}},
    ],
)
def test_every_part_that_is_no_text_counts(part: dict[str, Any]) -> None:
    text = most_input(of({"type": "text", "text": ""}))
    span = media_tokens(of(part))
    assert 0 < span.expected <= span.most
    assert most_input(of(part)) >= text + span.most - 100
    assert estimate_input(of(part)) >= span.expected


def test_the_bytes_of_a_picture_are_no_text() -> None:
    big = of(
        {"type": "image_url", "image_url": {"url": data_url("image/png", png(1024, 1024) + b"x" * 3_000_000)}}
    )
    assert most_input(big, ["gpt-4o"]) < 2000
    assert estimate_input(big, models=["gpt-4o"]) < 1000


def test_a_wav_has_its_seconds_and_a_pdf_its_pages() -> None:
    head = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16)
    wav = base64.b64encode(head + b"\0" * 320_000).decode()
    audio = media_tokens(of({"type": "input_audio", "input_audio": {"data": wav, "format": "wav"}}))
    assert 100 <= audio.expected <= 102
    assert 320 <= audio.most <= 325
    pdf = b"%PDF-1.4 " + b"<< /Type /Page >> " * 3 + b"<< /Type /Pages >>"
    pages = media_tokens(of({"type": "file", "file": {"file_data": data_url("application/pdf", pdf)}}))
    assert pages.expected > 3 * 1500
    text = of(
        {"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": "YWJjZA=="}}
    )
    assert media_tokens(text).most <= 6


def test_no_rule_is_above_the_worst_that_an_unknown_model_is_set_aside_for() -> None:
    _, worst = picture_tokens("an unknown model")(8000, 8000)
    assert worst >= max(rule(8000, 8000) for _, rule in PICTURES)
