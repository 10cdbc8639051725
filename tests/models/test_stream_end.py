"""An answer is an answer however its stream ends; half an answer never is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cascade.errors import ModelError
from cascade.models.base import Completion
from cascade.models.chain import EndpointChain
from cascade.models.spec import EndpointSpec, RetryPolicy
from cascade.testing.in_process import InProcessEndpoint
from cascade.testing.mutations import End, WireAnswer
from tests.models.support import FastClock, request

DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 100, "completion_tokens": 10}


def line(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    choices = [{"index": 0, "delta": delta or {}, "finish_reason": finish}]
    return b"data: " + json.dumps({"model": "m", "choices": choices, **more}).encode() + b"\n\n"


HELLO, STOP = line({"role": "assistant", "content": "hello"}), line({}, "stop")
COUNT = line(usage=USAGE).replace(b'[{"index": 0, "delta": {}, "finish_reason": null}]', b"[]")
WHOLE = json.dumps(
    {"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}], "usage": USAGE}
).encode()
ANSWERS: dict[str, tuple[bytes, End]] = {
    "by the protocol": (HELLO + STOP + COUNT + DONE, "closed"),
    "broken after the usage": (HELLO + STOP + COUNT, "broken"),
    "open after the usage": (HELLO + STOP + COUNT, "open"),
    "open after [DONE]": (HELLO + STOP + COUNT + DONE, "open"),
    "broken after [DONE]": (HELLO + STOP + COUNT + DONE, "broken"),
    "closed without [DONE]": (HELLO + STOP + COUNT, "closed"),
    "half a line after the usage": (HELLO + STOP + COUNT + b"data: {", "closed"),
    "junk after the usage": (HELLO + STOP + COUNT + b"data: {oops\n\n", "closed"),
    "no finish reason": (HELLO + COUNT + DONE, "closed"),
    "usage with the finish reason": (HELLO + line({}, "stop", usage=USAGE) + DONE, "closed"),
    "retry and id only": (b"retry: 3000\n\nid: 1\n\n" + HELLO + STOP + COUNT + DONE, "closed"),
    "comments": (b": wait\n\n" + HELLO + b": wait\n\n" + STOP + COUNT + DONE, "closed"),
    "a byte order mark": (b"\xef\xbb\xbf" + HELLO + STOP + COUNT + DONE, "closed"),
    "carriage returns": ((HELLO + STOP + COUNT + DONE).replace(b"\n", b"\r"), "closed"),
    "another protocol's reason": (HELLO + line({}, "end_turn") + COUNT + DONE, "closed"),
    "not streamed": (WHOLE, "closed"),
}
HALVES: dict[str, tuple[bytes, End, str]] = {
    "closed": (HELLO, "closed", "model.interrupted"),
    "broken": (HELLO, "broken", "model.interrupted"),
    "open": (HELLO, "open", "model.timeout"),
    "[DONE] without usage and reason": (HELLO + DONE, "closed", "model.interrupted"),
    "usage without reason and [DONE]": (HELLO + COUNT, "broken", "model.interrupted"),
    "abort": (HELLO + line({}, "abort") + COUNT + DONE, "closed", "model.interrupted"),
    "error": (HELLO + line({}, "error") + COUNT + DONE, "closed", "model.interrupted"),
    "network_error": (HELLO + line({}, "network_error") + COUNT + DONE, "closed", "model.interrupted"),
    "an unknown reason": (HELLO + line({}, "moonrise") + COUNT + DONE, "closed", "model.interrupted"),
    "comments without end": (HELLO + b": wait\n\n" * 50, "open", "model.timeout"),
    "an empty body": (b"", "closed", "model.malformed"),
    "a page": (b"<html>Sign in</html>", "closed", "model.malformed"),
}


def model(answer: WireAnswer, *, tries: int = 1) -> EndpointChain:
    spec = EndpointSpec(name="flash", model="m", base_url="http://server.example/v1", idle_timeout=0.05)
    endpoint = InProcessEndpoint(spec, lambda _: answer)
    return EndpointChain([endpoint], retry=RetryPolicy(max_tries=tries), clock=FastClock().clock)


async def answered(body: bytes, end: End) -> Completion:
    return await model(WireAnswer(body=body, end=end)).generate(request())


@pytest.mark.parametrize("name", ANSWERS)
async def test_a_whole_answer_is_taken_with_its_usage(name: str) -> None:
    completion = await answered(*ANSWERS[name])
    assert completion.text == "hello"
    assert (completion.usage.input, completion.usage.output, completion.usage.estimated) == (100, 10, False)
    assert completion.finish_reason == (None if name == "no finish reason" else "stop")


@pytest.mark.parametrize("name", HALVES)
async def test_half_an_answer_is_a_failure(name: str) -> None:
    body, end, code = HALVES[name]
    with pytest.raises(ModelError) as caught:
        await answered(body, end)
    assert caught.value.code == code
    if name == "an unknown reason":
        assert not caught.value.retryable
        assert "moonrise" in caught.value.message


async def test_the_usage_after_a_chunk_that_cannot_be_read_is_booked() -> None:
    with pytest.raises(ModelError) as caught:
        await answered(HELLO + b"data: {oops\n\n" + STOP + COUNT, "closed")
    assert caught.value.code == "model.malformed"
    (charge,) = caught.value.charges
    assert (charge.billing, charge.usage.input, charge.usage.output) == ("reported", 100, 10)


async def test_comments_keep_the_place_in_a_queue_only_where_that_is_documented() -> None:
    patient = EndpointSpec(name="d", model="m", base_url="https://api.deepseek.com", timeout=600.0)
    other = EndpointSpec(name="o", model="m", base_url="https://server.example/v1", idle_timeout=7.0)
    assert patient.queue_timeout == 600.0
    assert other.queue_timeout == 7.0
