"""What a server says of a failure is understood wherever and however it says it, and reaches the user."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cascade.errors import ModelError
from cascade.models.chain import EndpointChain
from cascade.models.error_body import ServerError, body_error
from cascade.models.failures import status_failure
from cascade.models.gate import BREAKING
from cascade.models.spec import EndpointSpec, RetryPolicy
from cascade.testing.in_process import InProcessEndpoint
from cascade.testing.mutations import WireAnswer
from tests.models.support import FastClock, request

SPEC = EndpointSpec(name="flash", model="m", base_url="https://server.example/v1")

# The words of providers, as their documentation or reports by users have them.
TOO_LONG = {
    "openai": "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.",
    "azure": "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 509178 tokens.",
    "sglang": "The input (33000 tokens) is longer than the model's context length (32768 tokens).",
    "mistral": "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context",
    "anthropic": "prompt is too long: 209303 tokens > 200000 maximum",
    "bedrock": "Input is too long for requested model.",
    "groq": "Please reduce the length of the messages or completion.",
    "xai": "This model's maximum prompt length is 131072 but the request contains 150000 tokens.",
    "perplexity": "The total length of all messages is too long.",
    "llama.cpp": "the request exceeds the available context size, try increasing it",
    "lm studio": "The number of tokens to keep from the initial prompt is greater than the context length.",
    "gemini": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "moonshot": "Invalid request: Your request exceeded model token limit: 8192",
    "dashscope": "Range of input length should be [1, 30720]",
    "tgi": "Input validation error: `inputs` must have less than 4095 tokens. Given: 5000",
    "tgi, both": "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` tokens and 500",
    "cohere": "too many tokens: size limit exceeded by 8326 tokens.",
    "zhipu": "Prompt 超长",
}
NOT_TOO_LONG = {
    "a bad schema": "Invalid schema for function 'x': context is not a valid property",
    "too many output tokens": "max_tokens is too large: 100000. This model supports at most 4096 completion tokens.",
    "an unknown parameter": "Unrecognized request argument supplied: context_window",
}


@pytest.mark.parametrize("status", [400, 422, 500, None])
@pytest.mark.parametrize("provider", TOO_LONG)
def test_a_request_that_is_too_long_is_known_by_the_words_of_each_provider(
    provider: str, status: int | None
) -> None:
    said = body_error(json.dumps({"error": {"message": TOO_LONG[provider], "type": "invalid_request_error"}}))
    failed = status_failure(SPEC, status, said, {})
    assert failed.code == "model.context"
    assert TOO_LONG[provider] in failed.message
    assert not failed.retryable


@pytest.mark.parametrize("words", NOT_TOO_LONG.values(), ids=NOT_TOO_LONG)
def test_other_refusals_are_no_overflow(words: str) -> None:
    assert status_failure(SPEC, 400, ServerError(message=words), {}).code == "model.request"


CODES: list[tuple[int | None, dict[str, Any], str]] = [
    (429, {"message": "You exceeded your current quota", "code": "insufficient_quota"}, "model.balance"),
    (429, {"message": "suspended", "type": "exceeded_current_quota_error"}, "model.balance"),
    (400, {"message": "Your credit balance is too low to access the API."}, "model.balance"),
    (403, {"message": "x", "code": "insufficient_user_quota"}, "model.balance"),
    (400, {"message": "x", "code": "Arrearage"}, "model.balance"),
    (429, {"message": "You exceeded your current quota", "status": "RESOURCE_EXHAUSTED"}, "model.rate_limited"),
    (429, {"message": "Rate limit reached for tokens per min (TPM): Limit 8192"}, "model.rate_limited"),
    (429, {"message": "Please reduce the length of the messages, limit per minute"}, "model.rate_limited"),
    (400, {"message": "API key not valid. Please pass a valid API key."}, "model.auth"),
    (400, {"message": "x", "code": "content_filter"}, "model.content_filter"),
    (400, {"message": "Content Exists Risk"}, "model.content_filter"),
    (400, {"message": "x", "code": "data_inspection_failed"}, "model.content_filter"),
    (500, {"message": "bad tool", "type": "invalid_request_error"}, "model.request"),
    (500, {"message": "oops"}, "model.server"),
    (None, {"message": "Overloaded", "type": "overloaded_error"}, "model.overloaded"),
    (None, {"message": "x", "code": 400}, "model.request"),
    (None, {"message": "x", "code": "402"}, "model.balance"),
    (None, {"message": "x", "code": 401}, "model.auth"),
    (None, {"message": "x", "type": "rate_limit_error"}, "model.rate_limited"),
    (None, {"message": "x", "type": "BadRequestError"}, "model.request"),
    (None, {"message": "x"}, "model.server"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "error", "code"), CODES)
def test_codes_say_more_than_a_status(status: int | None, error: dict[str, Any], code: str) -> None:
    assert status_failure(SPEC, status, body_error(json.dumps({"error": error})), {}).code == code


BODIES: dict[str, tuple[str, str]] = {
    "an object": ('{"error": {"message": "the words"}}', "the words"),
    "a text": ('{"error": "the words"}', "the words"),
    "no error key": ('{"message": "the words", "code": "Throttling"}', "the words"),
    "FastAPI": ('{"detail": "the words"}', "the words"),
    "FastAPI, a list": ('{"detail": [{"loc": ["body", "n"], "msg": "the words"}]}', "body.n"),
    "Google": ('[{"error": {"code": 503, "message": "the words"}}]', "the words"),
    "Mistral": ('{"object": "error", "message": {"detail": [{"msg": "the words", "loc": ["x"]}]}}', "the words"),
    "Cloudflare": ('{"success": false, "errors": [{"code": 7, "message": "the words"}]}', "the words"),
    "Baidu": ('{"error_code": 17, "error_msg": "the words"}', "the words"),
    "MiniMax": ('{"base_resp": {"status_code": 1004, "status_msg": "the words"}}', "the words"),
    "OpenRouter": (
        '{"error": {"message": "Provider returned error", "metadata": {"raw": "the words"}}}',
        "the words",
    ),
    "an error in an error": ('{"error": {"message": "{\\"message\\": \\"the words\\"}"}}', "the words"),
    "param": ('{"error": {"message": "bad value", "param": "the_words"}}', "the_words"),
    "text": ("the words", "the words"),
    "HTML": ("<html><head><style>x</style></head><body><h1>the&nbsp;words</h1></body></html>", "the words"),
    "an unknown shape": ('{"outcome": "the words"}', "the words"),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("place", ["status", "body", "stream"])
async def test_the_servers_words_reach_the_user_and_nothing_is_held_as_billed(name: str, place: str) -> None:
    body, words = BODIES[name]
    if place == "stream":
        if name in ("HTML", "an unknown shape"):
            pytest.skip("no event that could be told from another")
        sent = WireAnswer(body=b"data: " + body.encode() + b"\n\ndata: [DONE]\n\n")
    else:
        status = 400 if place == "status" else 200
        sent = WireAnswer(body=body.encode(), status=status, headers=())
    failed, _ = await failure_of(sent)
    assert words in failed.message
    if place == "status":
        assert {charge.billing for charge in failed.charges} == {"none"}


async def failure_of(*answers: WireAnswer) -> tuple[ModelError, int]:
    """The failure of a call whose requests are answered so, and how many requests it made."""
    asked: list[bytes] = []

    def answer(body: bytes) -> WireAnswer:
        asked.append(body)
        return answers[min(len(asked), len(answers)) - 1]

    retry = RetryPolicy(max_tries=3, failures_to_open=2)
    model = EndpointChain([InProcessEndpoint(SPEC, answer)], retry=retry, clock=FastClock().clock)
    with pytest.raises(ModelError) as caught:
        await model.generate(request())
    return caught.value, len(asked)


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 422])
@pytest.mark.parametrize("live", [True, False])
async def test_an_error_of_the_request_is_sent_once_and_opens_no_breaker(code: int, live: bool) -> None:
    error = json.dumps({"error": {"code": code, "message": "the words"}, "choices": []}).encode()
    sent = WireAnswer(body=b"data: " + error + b"\n\n") if live else WireAnswer(body=error, headers=())
    failed, requests = await failure_of(sent)
    assert requests == 1
    assert failed.status == code
    assert failed.code not in BREAKING
    assert [charge.billing for charge in failed.charges] == ["none"]
