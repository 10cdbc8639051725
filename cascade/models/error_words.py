"""Which kind of failure a server's codes and words mean, where they say more than its HTTP status.

Wordings are as reports by users quote them; they were not read again in each provider's documentation. Each is a
distinctive part of a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from cascade.models.error_body import ServerError

CONTEXT, BALANCE, FILTER, AUTH = "context", "balance", "filter", "auth"

_CODES: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "context_length_exceeded",  # OpenAI, Azure, Groq, Together
            "exceed_context_size_error",  # llama.cpp
            "string_above_max_length",
            "context_window_exceeded",
            "model_context_window_exceeded",
            "prompt_too_long",
            "max_tokens_exceeded",
            "input_too_long",
        ),
        CONTEXT,
    ),
    **dict.fromkeys(
        (
            "insufficient_quota",  # OpenAI
            "exceeded_current_quota_error",  # Moonshot
            "insufficient_balance",
            "insufficient_user_quota",  # one-api and its forks
            "insufficient_credits",
            "billing_hard_limit_reached",
            "billing_not_active",
            "billing_error",  # Anthropic
            "arrearage",  # DashScope
            "access_terminated",
            "1113",  # Zhipu
            "1008",  # MiniMax
        ),
        BALANCE,
    ),
    **dict.fromkeys(
        (
            "content_filter",  # Azure
            "content_policy_violation",
            "responsibleaipolicyviolation",
            "data_inspection_failed",  # DashScope
            "datainspectionfailed",
            "sensitive_content",
            "1301",  # Zhipu
            "1026",  # MiniMax
            "1027",
        ),
        FILTER,
    ),
    **dict.fromkeys(
        (
            "invalid_api_key",
            "invalidapikey",  # DashScope
            "api_key_invalid",  # Google
            "authentication_error",
            "authenticationerror",
            "invalid_authentication_error",  # Moonshot
            "unauthorized",
            "unauthenticated",
            "1004",  # MiniMax
        ),
        AUTH,
    ),
}

# Wordings by provider; see tests/models/test_error_words.py for the whole sentences.
_CONTEXT = (
    r"maximum context length",  # OpenAI, vLLM, Mistral, DeepSeek, Together, Azure
    r"model'?s (?:maximum )?context (?:length|window|size)",  # SGLang, LM Studio
    r"context (?:length|window|size)\b.{0,40}\bexceed",
    r"exceed\w*\b.{0,60}\bcontext (?:length|window|size)",  # llama.cpp
    r"prompt is too long",  # Anthropic
    r"input (?:is|tokens?)\b.{0,20}(?:too long|exceed)",  # Bedrock, Azure
    r"reduce the length of (?:the|your) (?:messages|prompt|input)",  # Groq, OpenAI
    r"maximum prompt length",  # xAI
    r"length of all messages is too long|total (?:message|prompt) (?:token )?length exceed",  # Perplexity
    r"exceeds? (?:the )?maximum (?:number of tokens|allowed (?:number of )?(?:input )?(?:tokens|length))",  # Gemini
    r"exceeded? (?:the )?model(?:'s)? token limit",  # Moonshot
    r"range of input length should be",  # DashScope
    r"inputs?`? tokens?\b.{0,40}max_new_tokens.{0,40}must be <=",  # TGI
    r"inputs?`? must have less than \d+ tokens",  # TGI
    r"too many (?:input )?tokens\b(?!.*per)",  # Cohere
    r"prompt (?:contains|has) \d+ tokens.*too large",  # Mistral
    r"larger than the (?:model'?s )?(?:maximum )?context",
    r"greater than the context length",  # LM Studio
    r"超(?:出|过).{0,12}(?:最大|模型).{0,8}(?:长度|上下文|token)|prompt ?超长|输入.{0,6}超长",  # Zhipu, Baidu
)
_BALANCE = (
    r"insufficient (?:account )?(?:balance|credits?|funds)",  # DeepSeek, OpenRouter, Moonshot
    r"(?:credit )?balance (?:is|has) (?:too low|insufficient|been exhausted)",  # Anthropic
    r"(?:out of|not enough|requires more) credits",
    r"account .{0,40}(?:in arrears|is not in good standing|suspended due to insufficient)",
    r"余额不足|欠费",
)
_FILTER = (
    r"content management policy",  # Azure
    r"content exists risk",  # DeepSeek
    r"inappropriate content",  # DashScope
    r"violat\w+ .{0,40}(?:usage|content) polic",
    r"flagged (?:by|for) .{0,40}(?:moderation|safety|content)|requires moderation",
    r"不安全或敏感内容|敏感内容",
)
_AUTH = (
    r"incorrect api key",
    r"api key not valid",
    r"invalid (?:api key|authentication)",
    r"no auth credentials",
)
_WORDINGS = tuple(
    (kind, re.compile("|".join(parts), re.I | re.S))
    for kind, parts in ((CONTEXT, _CONTEXT), (BALANCE, _BALANCE), (FILTER, _FILTER), (AUTH, _AUTH))
)
_PER_TIME = re.compile(r"per (?:min|day|hour|second)|\b[tr]p[md]\b|requests? rate|rate limit", re.I)

# Codes that amount to a status where a server gives none.
_STATUS: Mapping[str, int] = {
    "invalid_request_error": 400,
    "badrequesterror": 400,
    "bad_request": 400,
    "invalid_argument": 400,
    "invalid_parameter": 400,
    "invalidparameter": 400,
    "invalid_prompt": 400,
    "unsupported_parameter": 400,
    "validation_error": 422,
    "permission_error": 403,
    "permission_denied": 403,
    "permissiondeniederror": 403,
    "model_not_found": 404,
    "not_found_error": 404,
    "not_found": 404,
    "notfounderror": 404,
    "request_too_large": 413,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "rate_limit_reached_error": 429,
    "rate_limit": 429,
    "ratelimiterror": 429,
    "resource_exhausted": 429,
    "throttling": 429,
    "throttling.ratequota": 429,
    "tokens": 429,
    "requests": 429,
    "1302": 429,
    "1305": 429,
    "overloaded_error": 503,
    "engine_overloaded_error": 503,
    "overloaded": 503,
    "unavailable": 503,
    "service_unavailable": 503,
    "timeout_error": 504,
    "timeout": 504,
    "deadline_exceeded": 504,
    "gateway_timeout": 504,
}
_BAD_REQUEST = frozenset({"invalid_request_error", "badrequesterror", "invalid_argument", "validation_error"})


def kind_of(status: int | None, error: ServerError) -> str | None:
    """Context, balance, filter or auth, where codes or words say so; None where the status is all there is."""
    by_code = next((_CODES[code] for code in error.codes if code in _CODES), None)
    if by_code is not None and not (by_code == AUTH and status == 403):
        return by_code
    if status in (401, 402) or (status == 429 and _PER_TIME.search(error.message)):
        return None
    kinds = (kind for kind, wording in _WORDINGS if wording.search(error.message))
    found = next(kinds, None)
    return None if status == 429 and found in (CONTEXT, AUTH) else found


def status_of(status: int | None, error: ServerError) -> int | None:
    """The HTTP status that counts: the response's, or where that says nothing, what the error's own codes say.

    A 5xx whose body says that the request is wrong is a 400: the same request would fail again.
    """
    if status is not None and status >= 500 and _BAD_REQUEST & set(error.codes):
        return error.status if error.status is not None and error.status < 500 else 400
    if status is not None and status >= 300:
        return status
    named = (_STATUS[code] for code in error.codes if code in _STATUS)
    return error.status or next(named, None)
