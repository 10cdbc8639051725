"""Retry-After in all its forms, and logs at their most talkative."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import ModelError
from cascade.models.failures import retry_after
from cascade.models.openai import OpenAIModel
from cascade.testing import Fault, ScriptedServer
from cascade.testing.faults import nth
from tests.models.support import ANSWER, KEY, RETRY, FastClock, request, spec

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FORMS = [
    ({"retry-after": "1"}, 1.0),
    ({"retry-after": " 2.5 "}, 2.5),
    ({"retry-after": "300"}, 300.0),
    ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
    ({"retry-after": "Mon, 23 Nov 2026 12:00:30 GMT"}, 30.0),
    ({"retry-after": "Mon, 23 Nov 2026 13:00:30 +0100"}, 30.0),
    ({"retry-after": "Mon, 23 Nov 2026 11:00:00 GMT"}, 0.0),
    ({"retry-after": "soon"}, None),
    ({"retry-after": "-5"}, None),
    ({"retry-after": "inf"}, None),
    ({"retry-after": ""}, None),
    ({}, None),
]


@pytest.mark.parametrize(("headers", "seconds"), FORMS)
def test_retry_after_is_seconds_milliseconds_or_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers, now=NOW) == seconds


@given(st.text(max_size=40))
def test_no_header_however_odd_is_more_than_nonsense(text: str) -> None:
    found = retry_after({"retry-after": text, "retry-after-ms": text})
    assert found is None or found >= 0


async def test_no_log_shows_the_key_or_a_header_even_when_all_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    planted = "planted-header-98765"
    said = f"wrong key {KEY} for {planted}"
    with caplog.at_level(logging.DEBUG):
        async with ScriptedServer(ANSWER, faults=nth(1, Fault.of_status(500, message=said))) as server:
            tier = OpenAIModel(
                spec(server, headers={"x-tenant": planted}), retry=RETRY, clock=FastClock().clock
            )
            await tier.generate(request())
            await tier.aclose()
            assert server.log[-1].headers["x-tenant"] == planted
    logged = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "cascade.retry_scheduled" in logged
    assert KEY not in logged
    assert planted not in logged


async def test_a_header_in_an_error_is_masked() -> None:
    said = "no such tenant: planted-header-98765"
    async with ScriptedServer(ANSWER, faults=nth(1, Fault.of_status(403, message=said))) as server:
        tier = OpenAIModel(spec(server, headers={"x-tenant": "planted-header-98765"}))
        with pytest.raises(ModelError, match=r"no such tenant: \[secret\]"):
            await tier.generate(request())
        await tier.aclose()
