"""The dialects: which changes of form each provider needs, known by its address or as declared.

Facts, and where they stand:
- deepseek: roles are system, user, assistant, tool; content is a string; JSON mode without a schema
  (api-docs.deepseek.com/api/create-chat-completion); no forced `tool_choice` while thinking
  (deepseek-ai/DeepSeek-V3#1376).
- openai: `max_tokens` is refused by reasoning models (platform.openai.com/docs/api-reference/chat/create), unknown
  keys of messages are refused.
- mistral: 422 `extra_forbidden` for every key that it does not know: `stream_options`, `max_completion_tokens`,
  `user`, `reasoning_content` (charmbracelet/crush#1590, eca#231, litellm#30835); ids of tool calls have nine letters
  and digits.
- groq: "property 'reasoning_content' is unsupported" (janhq/jan#8136), `logprobs`, `logit_bias`, `messages[].name`
  (console.groq.com/docs/openai).
- anthropic-compatible: `response_format` is ignored (docs.anthropic.com/en/api/openai-sdk), and no forced tool while
  thinking.
- local (llama.cpp, vLLM, Ollama, LM Studio): chat templates know no role `developer`, many no lists of text parts.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from cascade.models.dialects.forms import (
    Form,
    developer_as_system,
    free_tool_choice,
    json_mode,
    max_completion_tokens,
    max_tokens,
    no_response_format,
    no_thoughts,
    random_seed,
    short_tool_ids,
    text_as_string,
    thoughts_back,
    without,
)

OPTIONAL_KEYS = (
    "stream_options",
    "user",
    "user_id",
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "parallel_tool_calls",
    "seed",
    "logprobs",
    "logit_bias",
)
"""Keys of a request that some servers refuse, and without which it says the same."""

FORMS: Mapping[str, Form] = {
    "developer_as_system": developer_as_system,
    "text_as_string": text_as_string,
    "json_mode": json_mode,
    "no_response_format": no_response_format,
    "free_tool_choice": free_tool_choice,
    "max_completion_tokens": max_completion_tokens,
    "max_tokens": max_tokens,
    "random_seed": random_seed,
    "no_thoughts": no_thoughts,
    "thoughts_back": thoughts_back,
    "short_tool_ids": short_tool_ids,
    **{f"without {key}": without(key) for key in OPTIONAL_KEYS},
}
"""All changes of form, by name, in the order in which they are made."""

_NEEDED: Mapping[str, tuple[str, ...]] = {
    "deepseek": ("developer_as_system", "text_as_string", "json_mode", "max_tokens"),
    "openai": ("max_completion_tokens", "no_thoughts"),
    "mistral": (
        "developer_as_system",
        "max_tokens",
        "random_seed",
        "no_thoughts",
        "short_tool_ids",
        "without stream_options",
        "without user",
        "without user_id",
        "without logprobs",
        "without logit_bias",
    ),
    "groq": ("developer_as_system", "no_thoughts", "without logprobs", "without logit_bias"),
    "anthropic-compatible": ("developer_as_system", "no_response_format", "no_thoughts", "max_tokens"),
    "xai": (),
    "local": ("developer_as_system", "text_as_string", "max_tokens"),
    "plain": (),
}
_THINKING: Mapping[str, bool | None] = {"deepseek": True, "anthropic-compatible": False}
"""Dialects that refuse a forced tool while thinking, and whether they think unless they are asked to or not to."""

REASONING_OUTSIDE = frozenset({"xai"})
"""Dialects whose completion tokens leave reasoning out, where a report has no total (docs.x.ai)."""

_HOSTS: Mapping[str, str] = {
    "deepseek.com": "deepseek",
    "openai.com": "openai",
    "openai.azure.com": "openai",
    "mistral.ai": "mistral",
    "groq.com": "groq",
    "anthropic.com": "anthropic-compatible",
    "x.ai": "xai",
}


def dialect_of(declared: str, base_url: str) -> str:
    """The dialect, guessed from the address where it is `auto`; `plain` where nothing is known."""
    if declared != "auto":
        return declared
    host = (urlsplit(base_url).hostname or "").lower()
    for suffix, name in _HOSTS.items():
        if host == suffix or host.endswith(f".{suffix}"):
            return name
    return "local" if _is_local(host) else "plain"


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".local")):
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False


def forms_of(dialect: str, *, thinking: str | None) -> frozenset[str]:
    """The changes that a dialect needs. `thinking`: as it is declared; None: the server's default."""
    needed = frozenset(_NEEDED[dialect])
    default = _THINKING.get(dialect)
    thinks = default is not None and (thinking == "enabled" or (thinking is None and default))
    return needed | {"free_tool_choice"} if thinks else needed
