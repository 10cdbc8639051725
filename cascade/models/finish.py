"""Why an answer ended, in the words of different servers."""

from __future__ import annotations

from collections.abc import Mapping

STOP, LENGTH, TOOL_CALLS, FILTER = "stop", "length", "tool_calls", "content_filter"

_MEANING: Mapping[str, str] = {
    **dict.fromkeys(
        ("stop", "end_turn", "stop_sequence", "eos", "eos_token", "end", "complete", "completed", "finish"),
        STOP,
    ),
    **dict.fromkeys(("stop_token", "natural", "normal", "finished", "done"), STOP),
    **dict.fromkeys(
        ("length", "max_tokens", "model_length", "max_output_tokens", "token_limit", "max_length"), LENGTH
    ),
    **dict.fromkeys(("tool_calls", "tool_call", "tool_use", "function_call"), TOOL_CALLS),
    **dict.fromkeys(("content_filter", "content_filtered", "safety", "sensitive", "refusal"), FILTER),
    **dict.fromkeys(("blocklist", "prohibited_content", "recitation", "spii"), FILTER),
}
_OVERLOADED = frozenset({"insufficient_system_resource", "engine_overloaded"})
_BROKEN = frozenset(
    {"abort", "aborted", "cancelled", "canceled", "interrupted", "timeout", "unknown", "other"}
)


def meaning(reason: str) -> str | None:
    """The protocol's word for a reason of a clean end; None if the end was not clean, or nobody knows the reason."""
    return _MEANING.get(reason.strip().lower())


def is_clean(reason: str) -> bool:
    """Whether the model ended its answer, rather than something breaking it off."""
    return meaning(reason) is not None


def is_overloaded(reason: str) -> bool:
    """Whether a reason says that the server lacks resources."""
    return reason.strip().lower() in _OVERLOADED


def is_broken(reason: str) -> bool:
    """Whether a reason is known to say that the answer was broken off: the same request may go well."""
    word = reason.strip().lower()
    return word in _BROKEN or "error" in word or "fail" in word
