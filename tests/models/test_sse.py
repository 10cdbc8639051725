"""Server-sent events by the standard, in whatever parts their bytes come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.models.sse import EventDecoder, ServerEvent

STREAMS: dict[str, tuple[bytes, list[ServerEvent]]] = {
    "lf": (b"data: a\n\ndata: b\n\n", [ServerEvent("a"), ServerEvent("b")]),
    "crlf": (b"data: a\r\n\r\ndata: b\r\n\r\n", [ServerEvent("a"), ServerEvent("b")]),
    "cr": (b"data: a\r\rdata: b\r\r", [ServerEvent("a"), ServerEvent("b")]),
    "byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [ServerEvent("a")]),
    "no space": (b"data:a\n\n", [ServerEvent("a")]),
    "two lines of data": (b"data: a\ndata: b\n\n", [ServerEvent("a\nb")]),
    "a field without a value": (b"data\n\n", [ServerEvent("")]),
    "retry and id without data": (b"retry: 3000\n\nid: 7\n\ndata: a\n\n", [ServerEvent("a")]),
    "comments": (b": keep-alive\n\n: more\ndata: a\n\n", [ServerEvent("a")]),
    "a name": (b"event: error\ndata: a\n\ndata: b\n\n", [ServerEvent("a", "error"), ServerEvent("b")]),
    "a name without data is no event": (b"event: ping\n\ndata: a\n\n", [ServerEvent("a")]),
    "no blank line at the end": (b"data: a\n\ndata: b", [ServerEvent("a"), ServerEvent("b")]),
    "not UTF-8": (b"data: \xff\xc3\xa4\n\n", [ServerEvent("\ufffd\u00e4")]),
}


def decoded(stream: bytes, cuts: list[int]) -> list[ServerEvent]:
    decoder, last = EventDecoder(), 0
    events: list[ServerEvent] = []
    for cut in [*sorted(cuts), len(stream)]:
        events += decoder.feed(stream[last:cut])
        last = cut
    return [*events, *decoder.end()]


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_read_by_the_standard_at_once_and_byte_by_byte(name: str) -> None:
    stream, events = STREAMS[name]
    assert decoded(stream, []) == events
    assert decoded(stream, list(range(len(stream)))) == events


@given(data=st.data(), name=st.sampled_from(sorted(STREAMS)))
def test_where_the_bytes_are_cut_makes_no_difference(data: st.DataObject, name: str) -> None:
    stream, events = STREAMS[name]
    assert decoded(stream, data.draw(st.lists(st.integers(0, len(stream)), max_size=6))) == events
