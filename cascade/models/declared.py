"""An endpoint of the configuration as an `EndpointSpec`: every key, so that none is accepted and then ignored."""

from __future__ import annotations

from cascade.config import EndpointConfig
from cascade.models.spec import EndpointSpec, RetryPolicy, Secret


def endpoint_spec(name: str, config: EndpointConfig) -> EndpointSpec:
    """The endpoint as its model takes it. `name`: what ledger and trace call it."""
    return EndpointSpec(
        name=name,
        model=config.model,
        base_url=config.base_url or "",
        api_key=Secret(config.api_key.get_secret_value() if config.api_key else ""),
        dialect=config.dialect,
        thinking=config.thinking,
        effort=config.reasoning_effort,
        max_output_tokens=config.max_output_tokens,
        temperature=config.temperature,
        timeout=config.timeout_s,
        idle_timeout=config.idle_timeout_s,
        connect_timeout=config.connect_timeout_s,
        context_tokens=config.context_tokens,
        max_concurrency=config.limits.concurrency,
        requests_per_minute=config.limits.requests_per_minute,
        json_mode=config.json_mode,
        on_wrong_model=config.on_wrong_model,
        user_id=config.user_id,
        headers={name: value.get_secret_value() for name, value in config.headers.items()},
        extra=config.extra_body,
    )


def retry_policy(config: EndpointConfig) -> RetryPolicy:
    """How often and how long the tier's calls are tried."""
    return RetryPolicy(max_tries=config.retries + 1, deadline=config.deadline_s)
