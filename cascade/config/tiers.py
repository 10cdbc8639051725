"""Tiers and their endpoints: which model, where, at what price, and what an attempt there is shown."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, SecretStr, Tag
from pydantic_core import PydanticKnownError

from cascade.config.base import LISTED, Count, Files, Section, Text, Usd
from cascade.types import History

# No user and password: they would stand in traces and logs.
BASE_URL = r"^https?://[^\s@/?#]+([/?#]\S*)?$"


class Price(Section):
    """USD per 1M tokens. It stands above the price tables."""

    input: Usd
    """USD per 1M input tokens that the provider's prefix cache did not hold."""
    cached_input: Usd | None = None
    """USD per 1M input tokens read from the provider's prefix cache. Default: as `input`."""
    cache_write: Usd | None = None
    """USD per 1M input tokens written to the provider's prefix cache. Default: as `input`."""
    output: Usd
    """USD per 1M output tokens, reasoning included."""


class Limits(Section):
    """How hard an endpoint may be pressed. Unset means no limit of ours."""

    concurrency: Annotated[Count, Field(ge=1)] | None = None
    """Requests that may be open at once."""
    requests_per_minute: Annotated[float, Field(gt=0)] | None = None
    """Requests that may start in a minute."""


class HistoryByStep(Section):
    """What an attempt at this tier is shown of the attempts before it."""

    retry: History = "diagnostics"
    """After a failure of this same tier."""
    escalation: History = "none"
    """After a failure of another tier."""


def _history(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value not in get_args(History):
        raise PydanticKnownError("literal_error", {"expected": "'full', 'last', 'diagnostics' or 'none'"})
    return {"retry": value, "escalation": value}


def _price_kind(value: Any) -> str:
    return "text" if isinstance(value, str) else "table"


PriceSetting: TypeAlias = Annotated[
    Annotated[Literal["auto", "unknown"], Tag("text")] | Annotated[Price, Tag("table")],
    Discriminator(_price_kind),
]
HistorySetting: TypeAlias = Annotated[
    HistoryByStep, BeforeValidator(_history, json_schema_input_type=History | HistoryByStep)
]


def _key(value: SecretStr) -> SecretStr:
    """The key without blanks around it, which come with files and copies."""
    return SecretStr(value.get_secret_value().strip())


class EndpointConfig(Section):
    """One way to a model: an OpenAI-compatible endpoint, a recording, or a plug-in."""

    model: Text
    """The provider's model string."""
    provider: Text = "openai"
    """`openai` (any OpenAI-compatible endpoint), `recorded` (a recording's answers), or a plug-in's name."""
    base_url: Annotated[str, Field(pattern=BASE_URL)] | None = None
    """Where the endpoint is, as the provider documents it. Needed by `openai`."""
    api_key: Annotated[SecretStr, AfterValidator(_key)] | None = None
    """The key, as `${VARIABLE}`. Never shown, traced or logged."""
    recording: Files = ()
    """File or files to answer from (plain or gzipped). Needed by `recorded`."""
    thinking: Literal["enabled", "disabled"] | None = None
    """DeepSeek's thinking switch. Unset: the provider's default."""
    reasoning_effort: Text | None = None
    """Passed on as it is (`low`, `high`, `max`, ...). Unset: the provider's default."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """Sampling temperature. Unset: the provider's default."""
    max_output_tokens: Annotated[Count, Field(ge=1)] = 8192
    """Upper bound of an answer, in tokens, reasoning included. Budgets reserve for it."""
    context_tokens: Annotated[Count, Field(ge=1)] | None = None
    """The model's context window in tokens: what is longer is refused before it is paid. Unset: not checked."""
    timeout_s: Annotated[float, Field(gt=0)] = 600.0
    """Longest time for one request, in seconds."""
    idle_timeout_s: Annotated[float, Field(gt=0)] = 60.0
    """Longest silence between two pieces of a streamed answer, in seconds."""
    connect_timeout_s: Annotated[float, Field(gt=0)] = 5.0
    """Longest time until connected, in seconds."""
    deadline_s: Annotated[float, Field(gt=0)] = 900.0
    """Longest time for one attempt in seconds, requests that are sent again and waits included."""
    retries: Annotated[Count, Field(ge=0, le=20)] = 3
    """How often a request is sent again after a failure that may pass (429, 500 and up, lost connection)."""
    price: PriceSetting = "auto"
    """`auto` (the dated tables), `unknown` (sums will say so), or USD per 1M tokens."""
    limits: Limits = Limits()
    """How hard this endpoint may be pressed."""
    dialect: Literal[
        "auto", "deepseek", "openai", "mistral", "groq", "anthropic-compatible", "xai", "local"
    ] = "auto"
    """What the endpoint refuses of the protocol, so that requests are put into its form; `auto`: by `base_url`."""
    on_wrong_model: Literal["warn", "refuse", "ignore"] = "warn"
    """What to do with an answer by another model than the one that was asked for."""
    json_mode: bool = False
    """Ask the endpoint for a JSON object."""
    user_id: Text | None = None
    """DeepSeek's `user_id`: requests with different ones do not share a prefix cache."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """More HTTP headers. Their values are never shown, traced or logged."""
    extra_body: dict[str, Any] = Field(default_factory=dict, repr=False)
    """More keys for the request's body, passed on as they are."""


class TierConfig(EndpointConfig):
    """A rung of the cascade: its first endpoint, and those that stand in for it."""

    fallbacks: Annotated[tuple[EndpointConfig, ...], LISTED] = ()
    """Other endpoints for the same tier, in order, tried when the one before is down. Each stands alone."""
    history: HistorySetting = HistoryByStep()
    """What an attempt here is shown of those before: one word for both steps, or `{retry, escalation}`."""

    @property
    def endpoints(self) -> tuple[EndpointConfig, ...]:
        """The tier's own endpoint first, then its fallbacks."""
        return (self, *self.fallbacks)
