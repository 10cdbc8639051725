"""A request as it goes over the wire, and what is refused before it is paid for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from cascade.codec import well_formed_json
from cascade.models.base import ModelRequest
from cascade.models.dialects import Learned
from cascade.models.failures import failure
from cascade.models.spec import EndpointSpec
from cascade.models.thoughts_back import with_thoughts
from cascade.models.tokens import estimate_input, most_input
from cascade.prices import PriceBook
from cascade.types import JsonObject

DEEPSEEK_CONTEXT = 1_000_000  # tokens; api-docs.deepseek.com/quick_start/pricing
SLOW_ABOVE = 512_000  # tokens; longer requests are reported slow
_LENGTHS = ("max_tokens", "max_completion_tokens")
_OURS = frozenset({"model", "messages", "stream", "stream_options", "tools"})  # not for `extra` to say
OPTIMISTIC = 0.6  # of the estimate: below this share no tokenizer of code goes


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A request's body, in the form that its endpoint takes."""

    request: Mapping[str, Any]
    """All keys of the body."""
    estimated_input: int
    """Tokens as expected."""
    most_input: int
    """Tokens at most, as far as they can be known before the call."""
    max_output: int
    """Tokens that were asked for at most."""
    beta: bool = False
    """Whether DeepSeek's beta address is needed."""

    @property
    def arguments(self) -> dict[str, Any]:
        """As arguments of the client's call. Whatever its release has no name for goes along, too."""
        named = {key: self.request[key] for key in ("model", "messages", "stream")}
        return {
            **named,
            "extra_body": {key: value for key, value in self.request.items() if key not in named},
        }

    @property
    def tool_names(self) -> frozenset[str]:
        """The tools that the answer may call."""
        functions = (tool.get("function") for tool in self.request.get("tools") or ())
        return frozenset(str(function.get("name")) for function in functions if isinstance(function, Mapping))


def build(spec: EndpointSpec, request: ModelRequest, learned: Learned) -> Body:
    """The body as the endpoint takes it. Raises `ModelError` for what cannot be answered, before anything is sent."""
    _refuse_retired(spec)
    _refuse_silent_json(spec, request)
    tokens = estimate_input(request.messages, request.tools, models=(spec.model,))
    asked = {key: value for key, value in request.extra.items() if key not in (*_LENGTHS, *_OURS)}
    max_output = min([fitting_output(spec, request, tokens), *_wanted_lengths(request)])
    whole: dict[str, Any] = {
        "model": spec.model,
        "messages": _messages(spec, request),
        "stream": True,
        "stream_options": {"include_usage": True},
        **_length(spec, max_output),
        **_settings(spec, request),
        **_additions(spec),
        **{key: value for key, value in spec.extra.items() if key not in _LENGTHS},
        **asked,
    }
    prefix = spec.is_deepseek and _asks_for_prefix(request)
    if prefix:
        whole["messages"][-1] = {**whole["messages"][-1], "prefix": True}
    return Body(
        request=learned.applied(whole),
        estimated_input=tokens,
        most_input=most_input(
            (*request.messages, *request.tools, cast("JsonObject", request.extra)), (spec.model,)
        ),
        max_output=max_output,
        beta=spec.is_deepseek and (prefix or _has_strict(request.tools)),
    )


def _messages(spec: EndpointSpec, request: ModelRequest) -> list[Any]:
    messages: list[Any] = well_formed_json(request.messages)
    thinks = spec.is_deepseek and spec.thinking != "disabled"
    return with_thoughts(messages) if thinks else messages


def _length(spec: EndpointSpec, most: int) -> dict[str, Any]:
    """The bound of the answer, under the name that `extra` gives it; a null there takes a name away."""
    declared = {key: value for key, value in spec.extra.items() if key in _LENGTHS and value is not None}
    name, wanted = next(iter(declared.items()), ("max_tokens", most))
    return {name: min(most, wanted) if isinstance(wanted, int) else most}


def _settings(spec: EndpointSpec, request: ModelRequest) -> dict[str, Any]:
    """What the protocol has a name for, where it is set."""
    thinks = spec.is_deepseek and spec.thinking != "disabled"
    settings = {
        "temperature": None if thinks else spec.temperature,  # it would be ignored in silence
        "reasoning_effort": spec.effort,
        "response_format": {"type": "json_object"} if spec.json_mode else None,
        "tools": [*request.tools] or None,
    }
    return {name: value for name, value in settings.items() if value is not None}


def _additions(spec: EndpointSpec) -> dict[str, Any]:
    """What only some providers know, where it is set."""
    additions = {
        "thinking": None if spec.thinking is None else {"type": spec.thinking},
        "user_id" if spec.is_deepseek else "user": spec.user_id,
    }
    return {name: value for name, value in additions.items() if value is not None}


def _wanted_lengths(request: ModelRequest) -> list[int]:
    """Limits that the caller of a conversation set; they lower the endpoint's own and never raise it."""
    wanted = (request.extra.get(key) for key in _LENGTHS)
    return [value for value in wanted if isinstance(value, int) and value >= 1]


def fitting_output(spec: EndpointSpec, request: ModelRequest, tokens: int) -> int:
    """The output tokens to ask for, so that input and output fit the window.

    Raises `ModelError` (`model.context`), naming the largest messages, if the input alone is certainly too long.
    """
    window = spec.context_tokens or (DEEPSEEK_CONTEXT if spec.is_deepseek else None)
    if window is None:
        return spec.max_output_tokens
    if tokens * OPTIMISTIC >= window:
        raise failure(
            spec,
            "model.context",
            f"takes {window} tokens, and the request has about {tokens}: {_largest(request.messages)}",
            hint="drop the largest of these, choose a shorter `history`, or a tier with a larger window",
            retryable=False,
        )
    return max(1, min(spec.max_output_tokens, window - int(tokens * OPTIMISTIC)))


def fits(spec: EndpointSpec, request: ModelRequest) -> bool:
    """Whether the request fits the endpoint's window by the cautious estimate."""
    window = spec.context_tokens or (DEEPSEEK_CONTEXT if spec.is_deepseek else None)
    return window is None or estimate_input(request.messages, request.tools, models=(spec.model,)) < window


def _largest(messages: Sequence[JsonObject]) -> str:
    sizes = sorted(
        ((estimate_input([message]), number) for number, message in enumerate(messages)), reverse=True
    )
    return ", ".join(
        f"message {number + 1} ({messages[number].get('role', '?')}) about {size}"
        for size, number in sizes[:3]
    )


def _refuse_retired(spec: EndpointSpec) -> None:
    if not spec.is_deepseek:
        return
    retired = PriceBook().table.retirement(spec.model, datetime.now(UTC))
    if retired is not None:
        raise failure(
            spec,
            "model.retired",
            f"retired this model name on {retired.at:%Y-%m-%d %H:%M} UTC",
            hint=f"use {retired.successor}",
            retryable=False,
        )


def _refuse_silent_json(spec: EndpointSpec, request: ModelRequest) -> None:
    """JSON mode without the word JSON in the prompt gives endless blanks (guides/json_mode)."""
    if spec.json_mode and not any(
        "json" in str(message.get("content", "")).lower() for message in request.messages
    ):
        raise failure(
            spec,
            "model.request",
            "is used in JSON mode, but no message says the word JSON",
            hint="ask for JSON in the prompt and show an example of it; without that the answer may be blank",
            retryable=False,
        )


def _asks_for_prefix(request: ModelRequest) -> bool:
    last = request.messages[-1] if request.messages else {}
    return last.get("role") == "assistant" and not last.get("tool_calls")


def _has_strict(tools: Sequence[JsonObject]) -> bool:
    functions = (tool.get("function") for tool in tools)
    return any(isinstance(function, dict) and function.get("strict") is True for function in functions)
