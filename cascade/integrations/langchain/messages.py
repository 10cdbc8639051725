"""LangChain's messages to chat messages, and a result to LangChain's message."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    InvalidToolCall,
    convert_to_openai_messages,
)
from langchain_core.messages import ToolCall as LangChainCall
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.utils.function_calling import convert_to_openai_tool

from cascade.types import Attempt, JsonObject, Result, ToolCall, Usage


def chat_messages(messages: Sequence[BaseMessage]) -> tuple[JsonObject, ...]:
    """As OpenAI writes them; reasoning goes along, since DeepSeek wants it back with tool calls."""
    return tuple(_chat_message(message) for message in messages)


def _chat_message(message: BaseMessage) -> JsonObject:
    converted = convert_to_openai_messages(message)
    reasoning = message.additional_kwargs.get("reasoning_content")
    if isinstance(message, AIMessage) and reasoning is not None:
        converted["reasoning_content"] = reasoning
    return converted


def tool_definitions(tools: Sequence[Any]) -> tuple[JsonObject, ...]:
    """Tools of any kind that LangChain knows, as OpenAI writes them."""
    return tuple(convert_to_openai_tool(tool) for tool in tools)


def ai_message(result: Result) -> AIMessage:
    """The answer that is given, with its usage; `response_metadata["cascade"]` says what it took."""
    answer = result.answer
    calls, invalid = _calls(answer.tool_calls if answer else ())
    extra = {} if answer is None or answer.reasoning is None else {"reasoning_content": answer.reasoning}
    return AIMessage(
        content=result.output,
        tool_calls=calls,
        invalid_tool_calls=invalid,
        additional_kwargs=extra,
        usage_metadata=usage_metadata(billed(result.attempts)),
        response_metadata=metadata(result),
        id=None,
    )


def metadata(result: Result) -> dict[str, Any]:
    """Model, finish reason, and the cascade's own account: tier, cost, attempts, verdict."""
    answer = result.answer
    return {
        "model_name": (answer.answered_by or answer.model) if answer else "",
        "finish_reason": answer.finish_reason if answer else None,
        "cascade": {
            "status": result.status,
            "tier": result.tier,
            "attempts": len(result.attempts),
            "cost_usd": usd(result.cost_usd),
            "verdict": result.verdict.status if result.verdict else None,
            "reason": result.reason,
        },
    }


def usd(amount: Decimal | None) -> str | None:
    """An amount in full; None where it is not known."""
    return None if amount is None else format(amount, "f")


def billed(attempts: Sequence[Attempt]) -> Usage:
    """Tokens of all attempts."""
    return sum((attempt.usage for attempt in attempts), Usage())


def usage_metadata(usage: Usage) -> UsageMetadata:
    """Usage as LangChain writes it."""
    return UsageMetadata(
        input_tokens=usage.input,
        output_tokens=usage.output,
        total_tokens=usage.input + usage.output,
        input_token_details=InputTokenDetails(
            cache_read=usage.cached_input, cache_creation=usage.cache_write_tokens
        ),
        output_token_details=OutputTokenDetails(reasoning=usage.reasoning),
    )


def _calls(calls: Sequence[ToolCall]) -> tuple[list[LangChainCall], list[InvalidToolCall]]:
    valid: list[LangChainCall] = []
    invalid: list[InvalidToolCall] = []
    for call in calls:
        try:
            arguments = json.loads(call.arguments or "{}")
        except ValueError as error:
            arguments, fault = None, str(error)
        else:
            fault = "the arguments are no JSON object"
        if isinstance(arguments, dict):
            valid.append(LangChainCall(name=call.name, args=arguments, id=call.id, type="tool_call"))
        else:
            invalid.append(
                InvalidToolCall(
                    name=call.name, args=call.arguments, id=call.id, error=fault, type="invalid_tool_call"
                )
            )
    return valid, invalid
