"""Streams of chat completions as no server should send them: well-formed ones, mutated in fields and in bytes.

A `random.Random` decides, so that a seed, or Hypothesis, replays a stream.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, TypeAlias

End: TypeAlias = Literal["closed", "broken", "open"]
Chunk: TypeAlias = dict[str, Any]

WORDS = (
    "hello",
    " wörld",
    "\n```python\nx = 1\n```\n",
    "<think>",
    "</think>",
    "\ud83d",
    "\ude00",
    "😀",
    "data: [DONE]\n\n",
)
ODD: tuple[Any, ...] = (
    None, 0, -1, 1e308, 10**30, True, "", "x", "0", "stop", "\ud800", "\x00\r\n", [], {}, [None], [[]],
    {"text": "t"}, [{"type": "text", "text": "t"}], [{"type": "thinking", "thinking": "h"}], "a" * 3000,
)  # fmt: skip
REASONS = (
    "stop", "length", "tool_calls", "function_call", "content_filter", "abort", "error", "network_error", "eos",
    "end_turn", "whatever", "insufficient_system_resource", "", None,
)  # fmt: skip
ERRORS: tuple[Any, ...] = (
    {"error": {"message": "prompt is too long", "code": 400}},
    {"error": {"message": "slow down", "type": "rate_limit_error", "code": "rate_limit_exceeded"}},
    {"error": "model overloaded"},
    {"error": {"code": 402, "message": "Insufficient credits"}, "choices": []},
    {"object": "error", "message": "bad", "type": "BadRequestError", "param": None, "code": 400},
    {"detail": [{"loc": ["body", "messages"], "msg": "field required", "type": "value_error"}]},
    {"base_resp": {"status_code": 1004, "status_msg": "login fail"}},
    [{"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}],
)
LINES = (
    b": keep-alive\n\n", b"retry: 3000\n\n", b"id: 7\n\n", b"event: ping\ndata: {}\n\n", b"data: ping\n\n",
    b"data:\n\n", b"event: error\ndata: upstream died\n\n", b"\n\n\n", b"data: [DONE]\n\n", b"junk\n\n",
    b'data: {"choices": 5}\n\n',
)  # fmt: skip
STATUSES = (400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 529, 301, 418)


@dataclass(frozen=True, slots=True, kw_only=True)
class WireAnswer:
    """A response to replay."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("content-type", "text/event-stream"),)
    end: End = "closed"
    """How the connection ends after the body: as it should, broken, or not at all."""
    counted: tuple[int, int] | None = None
    """Input and output tokens that the server said, where the report is whole; None: nothing certain."""


def mutated_answer(rng: Random, *, tools: bool) -> WireAnswer:
    """A response with up to four mutations. tools: the answer calls tools."""
    if rng.random() < 0.08:
        return _refusal(rng)
    usage = {"prompt_tokens": rng.randrange(1, 500), "completion_tokens": rng.randrange(1, 300)}
    events: list[Any] = [*_chunks(rng, tools=tools), _chunk(choices=[], usage=usage), b"data: [DONE]\n\n"]
    for _ in range(rng.randrange(4)):
        events = rng.choice(_OF_EVENTS)(rng, events)
    body = b"".join(each if isinstance(each, bytes) else _line(each) for each in events)
    for _ in range(rng.choice((0, 0, 1, 2))):
        body = rng.choice(_OF_BYTES)(rng, body)
    headers: tuple[tuple[str, str], ...] = (
        ("content-type", rng.choice(("text/event-stream", "application/json", ""))),
    )
    if rng.random() < 0.02:
        headers = (*headers, ("content-encoding", "gzip"))
    end: End = rng.choice(("closed", "closed", "closed", "broken", "open"))
    plain = len(headers) == 1
    return WireAnswer(body=body, headers=headers, end=end, counted=_counted(body, usage) if plain else None)


def _refusal(rng: Random) -> WireAnswer:
    said = rng.choice((*ERRORS, "<html><title>502 Bad Gateway</title></html>", "plain words", ""))
    body = said.encode() if isinstance(said, str) else json.dumps(said).encode()
    headers = (("content-type", "application/json"), ("retry-after", rng.choice(("0", "soon", "-1"))))
    return WireAnswer(body=body, status=rng.choice((200, *STATUSES)), headers=headers)


def _chunk(delta: Chunk | None = None, finish: Any = None, **more: Any) -> Chunk:
    choices = [{"index": 0, "delta": delta or {}, "finish_reason": finish}]
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": choices,
        **more,
    }


def _chunks(rng: Random, *, tools: bool) -> list[Chunk]:
    thoughts = ("reasoning_content", "reasoning")
    parts = [_chunk({rng.choice(thoughts): rng.choice(WORDS)}) for _ in range(rng.randrange(3))]
    parts += [_chunk({"content": rng.choice(WORDS)}) for _ in range(rng.randrange(1, 6))]
    for number in range(rng.randrange(1, 4) if tools else 0):
        call: Chunk = {"index": number, "id": f"call_{number}", "type": "function"}
        parts.append(_chunk({"tool_calls": [{**call, "function": {"name": "weather", "arguments": ""}}]}))
        for piece in ('{"ci', 'ty": "Ro', 'me"}'):
            parts.append(_chunk({"tool_calls": [{"index": number, "function": {"arguments": piece}}]}))
    return [*parts, _chunk({}, "tool_calls" if tools else "stop")]


def _line(document: Any) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def _counted(body: bytes, usage: Chunk) -> tuple[int, int] | None:
    """What the server said, if exactly one report stands in the body, whole, before anything that ends the stream."""
    report = _line(_chunk(choices=[], usage=usage))
    before, found, after = body.partition(b"\n\n" + report)
    if not found or b"usage" in before + after or b"\r" in body or before.count(b"[DONE]") > 0:
        return None
    return usage["prompt_tokens"], usage["completion_tokens"]


def _field(rng: Random, events: list[Any]) -> list[Any]:
    """One value of one chunk replaced, or its key removed."""
    chosen = rng.randrange(len(events))
    if isinstance(events[chosen], bytes):
        return events
    changed = json.loads(json.dumps(events[chosen]))
    place: Any = changed
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return events
        key = rng.choice(keys)
        if isinstance(place[key], dict | list) and place[key] and rng.random() < 0.8:
            place = place[key]
            continue
        if isinstance(place, dict) and rng.random() < 0.2:
            del place[key]
        else:
            place[key] = rng.choice(REASONS if key == "finish_reason" else ODD)
        return [*events[:chosen], changed, *events[chosen + 1 :]]


def _repeat(rng: Random, events: list[Any]) -> list[Any]:
    return [*events, *events] if rng.random() < 0.05 else _moved(rng, events, keep=True)


def _moved(rng: Random, events: list[Any], *, keep: bool = False) -> list[Any]:
    chosen, to = rng.randrange(len(events)), rng.randrange(len(events))
    rest = events if keep else [*events[:chosen], *events[chosen + 1 :]]
    return [*rest[:to], events[chosen], *rest[to:]]


def _drop(rng: Random, events: list[Any]) -> list[Any]:
    chosen = rng.randrange(len(events))
    return [*events[:chosen], *events[chosen + 1 :]] or events


def _insert(rng: Random, events: list[Any]) -> list[Any]:
    to = rng.randrange(len(events) + 1)
    return [*events[:to], rng.choice(LINES) if rng.random() < 0.7 else rng.choice(ERRORS), *events[to:]]


def _flip(rng: Random, body: bytes) -> bytes:
    at = rng.randrange(len(body) or 1)
    return body[:at] + bytes([rng.randrange(256)]) + body[at + 1 :]


def _cut(rng: Random, body: bytes) -> bytes:
    return body[: rng.randrange(len(body) or 1)]


def _remove(rng: Random, body: bytes) -> bytes:
    at = rng.randrange(len(body) or 1)
    return body[:at] + body[at + rng.randrange(1, 40) :]


def _ends(rng: Random, body: bytes) -> bytes:
    return body.replace(b"\n", rng.choice((b"\r\n", b"\r")))


def _bom(rng: Random, body: bytes) -> bytes:
    return rng.choice((b"\xef\xbb\xbf", b"\xff\xfe")) + body


_OF_EVENTS: tuple[Callable[[Random, list[Any]], list[Any]], ...] = (
    _field, _field, _field, _repeat, _moved, _drop, _insert,
)  # fmt: skip
_OF_BYTES: tuple[Callable[[Random, bytes], bytes], ...] = (_flip, _cut, _remove, _ends, _bom)
