"""No key of an endpoint's configuration is accepted and then ignored."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from cascade.config import EndpointConfig
from cascade.models.declared import endpoint_spec, retry_policy

GIVEN: dict[str, Any] = {
    "model": "m",
    "base_url": "http://127.0.0.1:1/v1",
    "api_key": "planted-key-1",
    "thinking": "enabled",
    "reasoning_effort": "high",
    "temperature": 0.25,
    "max_output_tokens": 77,
    "context_tokens": 12345,
    "timeout_s": 11.0,
    "idle_timeout_s": 12.0,
    "connect_timeout_s": 13.0,
    "deadline_s": 14.0,
    "retries": 6,
    "limits": {"concurrency": 15, "requests_per_minute": 16},
    "dialect": "deepseek",
    "json_mode": True,
    "on_wrong_model": "refuse",
    "user_id": "u1",
    "headers": {"x-tenant": "planted-header-1"},
    "extra_body": {"seed": 17},
}
# Not for an endpoint: another room reads them.
ELSEWHERE = {"provider", "recording", "price"}


def test_the_example_has_every_key_there_is() -> None:
    assert set(EndpointConfig.model_fields) - ELSEWHERE == set(GIVEN)


@pytest.mark.parametrize("key", sorted(set(GIVEN) - {"model", "base_url"}))
def test_every_key_changes_what_is_built(key: str) -> None:
    whole = EndpointConfig.model_validate(GIVEN)
    without = EndpointConfig.model_validate({name: value for name, value in GIVEN.items() if name != key})

    def built(config: EndpointConfig) -> tuple[object, ...]:
        spec = endpoint_spec("a", config)
        return spec, spec.headers, retry_policy(config)

    assert built(whole) != built(without)


def test_key_and_headers_show_in_no_repr() -> None:
    spec = endpoint_spec("a", EndpointConfig.model_validate(GIVEN))
    assert "planted" not in repr(spec)
    assert spec.headers == {"x-tenant": "planted-header-1"}


def test_the_heavy_libraries_load_at_the_first_call_only() -> None:
    code = "import sys, cascade.models.openai, cascade.prices, cascade.ledger, cascade.trace\n"
    code += "print(sorted({'openai', 'httpx', 'httpx2', 'genai_prices', 'structlog'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
