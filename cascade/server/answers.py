"""A result as a chat completion: message, usage with its details, headers, errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cascade.server.replies import header_value
from cascade.types import Attempt, Result, ToolCall, Usage

_FINISH = {"cut": "stop", None: "stop"}
_REFUSED = {
    "model.context": (400, "context_length_exceeded"),
    "model.content_filter": (400, "content_filter"),
}


def completion(result: Result, *, model: str, created: int, older: bool = False) -> dict[str, Any]:
    """The body of a `chat.completion`. older: for a client that knows `function_call` and no `tool_calls`."""
    answer = result.answer
    return {
        "id": result.id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": message(result, older=older),
                "finish_reason": finish_reason(answer, older=older),
                "logprobs": None,
            }
        ],
        "usage": usage(result),
    }


def message(result: Result, *, older: bool = False) -> dict[str, Any]:
    """The assistant's message. Reasoning goes along, since DeepSeek wants it back with tool calls."""
    answer = result.answer
    calls = [tool_call(call) for call in answer.tool_calls] if answer else []
    content = result.output if result.output or not calls else None
    said: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
    if calls and older:
        said["function_call"] = calls[0]["function"]
    elif calls:
        said["tool_calls"] = calls
    if answer is not None and answer.reasoning is not None:
        said["reasoning_content"] = answer.reasoning
    return said


def tool_call(call: ToolCall) -> dict[str, Any]:
    """A tool call in OpenAI's shape."""
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def finish_reason(answer: Attempt | None, *, older: bool = False) -> str:
    """Why the answer ended, in OpenAI's words."""
    if answer is None:
        return "stop"
    if answer.tool_calls and answer.finish_reason != "length":
        return "function_call" if older else "tool_calls"
    return _FINISH.get(answer.finish_reason) or str(answer.finish_reason)


def usage(result: Result) -> dict[str, Any]:
    """Tokens of the answer that is given, as clients count their context by them.

    What the cascade did for it, all attempts together, stands under `cascade`.
    """
    billed = sum((attempt.usage for attempt in result.attempts), Usage())
    counted = result.answer.usage if result.answer else billed
    warnings = dict.fromkeys(notice.text for attempt in result.attempts for notice in attempt.notices)
    said = {"warnings": list(warnings)} if warnings else {}
    return {**_tokens(counted), "cascade": {**facts(result), "billed": _tokens(billed), **said}}


def _tokens(used: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": used.input,
        "completion_tokens": used.output,
        "total_tokens": used.input + used.output,
        "prompt_tokens_details": {
            "cached_tokens": used.cached_input,
            "cache_write_tokens": used.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": used.reasoning},
    }


def facts(result: Result) -> dict[str, Any]:
    """Tier, cost and verdict of a result. `cost_usd` is None where a price is unknown."""
    answer = result.answer
    return {
        "status": result.status,
        "tier": result.tier,
        "model": (answer.answered_by or answer.model) if answer else None,
        "attempts": len(result.attempts),
        "cost_usd": None if result.cost_usd is None else format(result.cost_usd, "f"),
        "verdict": result.verdict.status if result.verdict else None,
    }


def headers(result: Result) -> dict[str, str]:
    """The same as `x-cascade-...` headers, percent-encoded where not ASCII; what is not known is left out."""
    named = {f"x-cascade-{key.replace('_', '-')}": value for key, value in facts(result).items()}
    return {
        "x-request-id": result.id,
        **{key: header_value(str(value)) for key, value in named.items() if value is not None},
    }


def failure(result: Result) -> tuple[int, dict[str, Any]] | None:
    """Status and error body where there is no answer to give; None where there is one."""
    if result.answer is not None:
        return None
    if result.status == "budget_exhausted":
        return 402, error_body(result.reason, code="budget_exhausted", kind="insufficient_quota")
    status, code = _REFUSED.get(result.error or "", (502, result.error or "no_answer"))
    last = next((attempt.error_message for attempt in reversed(result.attempts) if attempt.error_message), "")
    told = last or result.reason or "no tier gave an answer"
    kind = "invalid_request_error" if status == 400 else "upstream_error"
    return status, error_body(told, code=code, kind=kind)


def error_body(
    text: str, *, code: str, kind: str = "invalid_request_error", param: str | None = None
) -> dict[str, Any]:
    """An error in OpenAI's shape."""
    return {"error": {"message": text, "type": kind, "param": param, "code": code}}


def chunk(
    identity: str, *, model: str, created: int, delta: Mapping[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """A `chat.completion.chunk`. Without a delta it has no choices: the chunk of usage."""
    choices = []
    if delta is not None:
        choices = [
            {
                "index": 0,
                "delta": dict(delta),
                "finish_reason": more.pop("finish_reason", None),
                "logprobs": None,
            }
        ]
    return {
        "id": identity,
        "object": "chat.completion.chunk",
        "created": created,
        "model": model,
        "choices": choices,
        **more,
    }
