"""Pictures, audio, video and files of a conversation as tokens, by the rules that providers publish.

A part of an address or an id has few bytes and many tokens: it counts as the largest that the rule allows. Rules:
- OpenAI: 512 px tiles after scaling to 2048 and 768 px, or 32 px patches times a factor
  (platform.openai.com/docs/guides/images-vision, calculating costs).
- Anthropic: width x height / 750, at most about 1,600, of models since Opus 4.7 up to 4,784
  (docs.anthropic.com/en/docs/build-with-claude/vision); a page of a PDF 1,500 to 3,000 and its picture
  (docs.anthropic.com/en/docs/build-with-claude/pdf-support).
- Google: 258 a tile of 768 px; audio 32 a second, video 263 with it (ai.google.dev/gemini-api/docs/tokens).
- xAI: 256 a tile of 448 px and 256 on top, at most 1,792 (docs.x.ai/docs/guides/image-understanding).
- Mistral: a token for 16 px squares of at most 1024 px, and one a row (docs.mistral.ai/capabilities/vision).
- Qwen: a token for 28 px squares, at most 16,384 (help.aliyun.com/zh/model-studio/vision).
- OpenAI audio: 10 a second (platform.openai.com/docs/guides/realtime-costs).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from cascade.models.media_size import Payload, payload_of
from cascade.types import JsonObject

Rule: TypeAlias = Callable[[int, int], float]

LARGEST = (8000, 8000)  # px of a picture that nobody has seen
PLAIN = (1024, 1024)  # px of one as it is expected
AUDIO_PER_S = (10.0, 32.0)  # tokens, expected and at most
VIDEO_PER_S = (263.0, 300.0)
UNKNOWN_S = (60.0, 3600.0)  # seconds of what is given by address
PAGE_TEXT = (1500, 3000)
UNKNOWN_PAGES = (20, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Tokens as expected and at most."""

    expected: int = 0
    most: int = 0

    def __add__(self, other: Span) -> Span:
        return Span(expected=self.expected + other.expected, most=self.most + other.most)


def _tiles(base: int, each: int) -> Rule:
    def rule(width: int, height: int) -> float:
        scale = min(1.0, 2048 / max(width, height))
        width, height = round(width * scale), round(height * scale)
        scale = min(1.0, 768 / max(1, min(width, height)))
        across, down = math.ceil(width * scale / 512), math.ceil(height * scale / 512)
        return base + each * across * down

    return rule


def _patches(most: int, factor: float) -> Rule:
    return lambda width, height: min(most, math.ceil(width / 32) * math.ceil(height / 32)) * factor


def _area(pixels: int, most: int) -> Rule:
    return lambda width, height: min(most, width * height / pixels)


def _squares(side: int, largest: int, *, rows: bool, most: int) -> Rule:
    def rule(width: int, height: int) -> float:
        scale = min(1.0, largest / max(width, height))
        across, down = math.ceil(width * scale / side), math.ceil(height * scale / side)
        return min(most, across * down + (down if rows else 0))

    return rule


def _google(width: int, height: int) -> float:
    if max(width, height) <= 384:
        return 258
    return max(1120, 258 * min(12, math.ceil(width / 768) * math.ceil(height / 768)))


# By the model's name: the first that fits.
PICTURES: tuple[tuple[re.Pattern[str], Rule], ...] = tuple(
    (re.compile(pattern, re.I), rule)
    for pattern, rule in (
        (r"gpt-4o-mini", _tiles(2833, 5667)),
        (r"gpt-(4\.1|5[\d.]*)-nano", _patches(1536, 2.46)),
        (r"gpt-(4\.1|5[\d.]*)-mini", _patches(1536, 1.62)),
        (r"o4-mini", _patches(1536, 1.72)),
        (r"(^|/)o[13](-|$)", _tiles(75, 150)),
        (r"gpt-5\.\d", _patches(10_000, 1.2)),
        (r"gpt-5", _tiles(70, 140)),
        (r"gpt-4|chatgpt", _tiles(85, 170)),
        (r"claude", _area(750, 4784)),
        (r"gemini|gemma", _google),
        (r"grok", lambda width, height: 256 * (1 + min(6, math.ceil(width / 448) * math.ceil(height / 448)))),
        (r"pixtral|mistral|ministral|magistral|devstral", _squares(16, 1024, rows=True, most=4160)),
        (r"qwen|qvq", _squares(28, 8000, rows=False, most=16_384)),
    )
)


def media_tokens(messages: Iterable[JsonObject], models: Sequence[str] = ()) -> Span:
    """Tokens of all that is not text, at the dearest of the models; of any provider where a model is not known."""
    payloads = [payload for row in messages for payload in media_of(row)]
    return sum((_span(payload, models) for payload in payloads), Span())


def media_of(row: JsonObject) -> list[Payload]:
    """The parts of a message that are no text."""
    content = row.get("content")
    parts = content if isinstance(content, list | tuple) else ()
    found = (payload_of(part) for part in parts if isinstance(part, Mapping))
    return [payload for payload in found if payload is not None]


def text_of(row: JsonObject) -> JsonObject:
    """The message without those parts."""
    if not media_of(row):
        return row
    content: Any = row.get("content")
    return {**row, "content": [p for p in content if not isinstance(p, Mapping) or payload_of(p) is None]}


def _span(payload: Payload, models: Sequence[str]) -> Span:
    if payload.kind == "picture":
        return _picture(payload.size, models)
    if payload.kind == "audio":
        return _timed(payload, AUDIO_PER_S)
    if payload.kind == "video":
        return _timed(payload, VIDEO_PER_S)
    return _file(payload, models)


def _picture(size: tuple[int, int] | None, models: Sequence[str]) -> Span:
    rules = [picture_tokens(model) for model in models] or [picture_tokens("")]
    expected = max(rule(*(size or PLAIN))[0] for rule in rules)
    most = max(rule(*(size or LARGEST))[1] for rule in rules)
    return Span(expected=expected, most=most)


def picture_tokens(model: str) -> Callable[[int, int], tuple[int, int]]:
    """The rule of a model: expected tokens and the most, of a width and a height in pixels."""
    known = next((rule for pattern, rule in PICTURES if pattern.search(model)), None)
    rules = [rule for _, rule in PICTURES] if known is None else [known]

    def counted(width: int, height: int) -> tuple[int, int]:
        counts = sorted(math.ceil(rule(width, height)) for rule in rules)
        return counts[len(counts) // 2], counts[-1]

    return counted


def _timed(payload: Payload, per_s: tuple[float, float]) -> Span:
    expected, most = payload.seconds or UNKNOWN_S
    return Span(expected=math.ceil(expected * per_s[0]), most=math.ceil(most * per_s[1]))


def _file(payload: Payload, models: Sequence[str]) -> Span:
    if payload.kind == "text":
        return Span(expected=payload.bytes // 4, most=payload.bytes)
    page = _picture((1700, 2200), models)
    few, many = payload.pages or UNKNOWN_PAGES
    return Span(expected=few * (PAGE_TEXT[0] + page.expected), most=many * (PAGE_TEXT[1] + page.most))
