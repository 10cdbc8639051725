"""An endpoint as declared: where it is, what it serves, how it may be used. And the secret that opens it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from cascade.models.dialects import dialect_of

Thinking: TypeAlias = Literal["enabled", "disabled"]
OnWrongModel: TypeAlias = Literal["warn", "refuse", "ignore"]
Dialect: TypeAlias = Literal[
    "auto", "deepseek", "openai", "mistral", "groq", "anthropic-compatible", "xai", "local"
]


class Secret:
    """A string that shows itself to nobody who does not ask for it by `reveal()`.

    Its repr, str, format and pickle show nothing; equality and truth work.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str | Secret = "") -> None:
        self._value = value.reveal() if isinstance(value, Secret) else value

    def reveal(self) -> str:
        """The secret itself. Hand it to the client and to nothing else."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)" if self._value else "Secret()"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        raise TypeError("a Secret is not pickled: it would reach a file or another process in the clear")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSpec:
    """One OpenAI-compatible endpoint, and how to use it.

    name: how ledger and trace call it. thinking, effort: DeepSeek's (None: the server's default).
    timeout: seconds for one request in all, idle_timeout: between two pieces of a stream, connect_timeout:
    until connected. context_tokens: the model's window (None: not known, not checked). max_concurrency,
    requests_per_minute: limits kept by us (None: none). on_wrong_model: what to do with an answer by another
    model. json_mode: ask for a JSON object.
    extra: merged into the request's body.
    """

    name: str
    model: str
    base_url: str
    api_key: Secret = field(default_factory=Secret)
    dialect: Dialect = "auto"
    thinking: Thinking | None = None
    effort: str | None = None
    max_output_tokens: int = 8192
    temperature: float | None = None
    timeout: float = 600.0
    idle_timeout: float = 60.0
    connect_timeout: float = 5.0
    context_tokens: int | None = None
    max_concurrency: int | None = None
    requests_per_minute: float | None = None
    json_mode: bool = False
    on_wrong_model: OnWrongModel = "warn"
    user_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def queue_timeout(self) -> float:
        """Seconds that a request may wait in the server's queue, as long as the server sends comments.

        DeepSeek and OpenRouter document that they keep a queued request's connection open by comments; elsewhere
        comments without data are no sign of life.
        """
        queues = self.is_deepseek or "openrouter.ai" in self.base_url
        return self.timeout if queues else self.idle_timeout

    @property
    def is_deepseek(self) -> bool:
        """Whether DeepSeek's additions to the protocol are used."""
        return self.speaks == "deepseek"

    @property
    def speaks(self) -> str:
        """The dialect as declared, or as the address tells it; `plain` where nothing is known."""
        return dialect_of(self.dialect, self.base_url)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """When a failed request is sent again. Waits are seconds: exponential with full jitter up to `max_wait`.

    A Retry-After of the server is honoured whatever its size, as long as it ends within the deadline.
    After `failures_to_open` failures in a row an endpoint is left alone for `cool_down` seconds.
    """

    max_tries: int = 4
    first_wait: float = 0.5
    max_wait: float = 8.0
    deadline: float = 900.0
    failures_to_open: int = 5
    cool_down: float = 30.0
