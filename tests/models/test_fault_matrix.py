"""Whatever the server does, at whichever call: each call ends in a defined state, and no token is lost."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from cascade.errors import ModelError
from cascade.models.base import Completion
from cascade.models.openai import OpenAIModel
from cascade.testing import Fault, ScriptedServer
from cascade.testing.faults import Faults, every, nth
from cascade.types import Charge, Usage
from tests.models.support import ANSWER, KEY, RETRY, FastClock, request, spec
from tests.waiting import HANGS_S

CALLS = 4
OK = "ok"


def soon(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


def status(code: int, **headers: str) -> Fault:
    return Fault.of_status(code, **headers)


# The fault; how a call ends that meets it every time; whether a later call mends it by trying again.
MATRIX: dict[str, tuple[Fault, str, bool]] = {
    "429-retry-after-1": (status(429, retry_after="1"), "model.rate_limited", True),
    "429-retry-after-300": (status(429, retry_after="300"), "model.rate_limited", False),
    "429-retry-after-date": (status(429, retry_after=soon(3)), "model.rate_limited", True),
    "429-retry-after-nonsense": (status(429, retry_after="soon, maybe"), "model.rate_limited", True),
    "429-retry-after-nan": (status(429, retry_after="nan"), "model.rate_limited", True),
    "500": (status(500), "model.server", True),
    "502": (status(502), "model.server", True),
    "503": (status(503), "model.overloaded", True),
    "504": (status(504), "model.timeout", True),
    "400": (status(400), "model.request", False),
    "401": (status(401), "model.auth", False),
    "402": (status(402), "model.balance", False),
    "403": (status(403), "model.forbidden", False),
    "404": (status(404), "model.not_found", False),
    "418": (status(418), "model.request", False),
    "422": (status(422), "model.request", False),
    "301": (status(301, location="https://elsewhere.example/v1"), "model.redirected", False),
    "307": (status(307, location="https://elsewhere.example/v1"), "model.redirected", False),
    "reset-before-headers": (Fault(kind="reset_before_headers"), "model.unreachable", True),
    "reset-mid-stream": (Fault(kind="reset_mid_stream"), "model.interrupted", True),
    "stall-before-headers": (Fault(kind="stall_before_headers"), "model.timeout", True),
    "stall-mid-stream": (Fault(kind="stall_mid_stream"), "model.timeout", True),
    "slow-drip": (Fault(kind="drip", delay_s=0.02), OK, True),
    "half-a-line": (Fault(kind="half_line"), "model.interrupted", True),
    "cut-off": (Fault(kind="cut_off"), "model.interrupted", True),
    "invalid-json": (Fault(kind="invalid_json"), "model.malformed", True),
    "error-event": (Fault(kind="error_event"), "model.server", True),
    "not-a-stream": (Fault(kind="not_a_stream"), OK, True),
    "bad-gzip": (Fault(kind="bad_gzip", after=0), "model.interrupted", True),
    "blank": (Fault(kind="blank"), "model.blank", True),
    "content-filter": (Fault(kind="content_filter"), "model.content_filter", False),
    "no-usage": (Fault(kind="no_usage"), OK, True),
    "absurd-usage": (Fault(kind="absurd_usage"), OK, True),
    "wrong-model": (Fault(kind="wrong_model"), OK, True),
    "length": (Fault(kind="length"), OK, True),
    "gzip": (Fault(kind="gzip"), OK, True),
}
PATTERNS = {"first": lambda fault: nth(1, fault), "third": lambda fault: nth(3, fault), "every": every}


async def one_call(model: OpenAIModel) -> tuple[str, list[Charge]]:
    """How the call ended, and its charges."""
    asked = request()
    assert asked.meter is not None
    failed: ModelError | None = None
    try:
        completion = await model.generate(asked)
    except ModelError as error:
        failed = error
    if failed is not None:
        assert failed.charges == tuple(asked.meter.charges)
        assert failed.hint
        assert KEY not in str(failed)
        return failed.code, asked.meter.charges
    assert isinstance(completion, Completion)
    assert completion.charges == tuple(asked.meter.charges)
    assert completion.usage == asked.meter.usage
    return OK, asked.meter.charges


def assert_books_equal(server: ScriptedServer, charges: list[Charge]) -> None:
    """Every request of the server's log is a charge, with the server's own count, or of unknown fate."""
    assert len(charges) == len(server.log)
    for logged, charge in zip(server.log, charges, strict=True):
        if charge.billing == "unknown":
            assert charge.usage == Usage()
            continue
        counted = (charge.usage.input, charge.usage.output, charge.usage.reasoning)
        assert counted == (logged.billed.input, logged.billed.output, logged.billed.reasoning)
        if charge.billing == "none":
            assert logged.billed == Usage()


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("name", MATRIX)
async def test_every_call_ends_defined_and_the_books_are_the_servers(name: str, pattern: str) -> None:
    fault, code, mended = MATRIX[name]
    faults: Faults = PATTERNS[pattern](fault)
    async with ScriptedServer(ANSWER, faults=faults, key=KEY) as server:
        model = OpenAIModel(spec(server), retry=RETRY, clock=FastClock().clock)
        ends, charges = [], []
        async with asyncio.timeout(HANGS_S):
            for _ in range(CALLS):
                end, made = await one_call(model)
                ends.append(end)
                charges += made
        await model.aclose()
        assert_books_equal(server, charges)
    if pattern == "every":
        expected = {code} if code == OK or not mended else {code, "model.breaker_open"}
        assert set(ends) <= expected
        assert ends[0] == code
    else:
        hit = 0 if pattern == "first" else 2
        expected_ends = [OK] * CALLS
        if name == "429-retry-after-300":  # the pause is for all callers
            expected_ends[hit:] = [code] * (CALLS - hit)
        elif code != OK and not mended:
            expected_ends[hit] = code
        assert ends == expected_ends


async def test_retry_after_is_honoured_whatever_its_size_within_the_deadline() -> None:
    fast = FastClock()
    async with ScriptedServer(ANSWER, faults=nth(1, status(429, retry_after="300"))) as server:
        patient = OpenAIModel(spec(server), retry=RETRY, clock=fast.clock)
        hurried = request(deadline_s=30.0)
        with pytest.raises(ModelError) as caught:
            await patient.generate(hurried)
        await patient.aclose()
    assert caught.value.code == "model.rate_limited"
    assert caught.value.retry_after_s == 300
    assert fast.slept == []
