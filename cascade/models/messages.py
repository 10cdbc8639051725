"""Messages made of answers, for the next round of a conversation."""

from __future__ import annotations

from cascade.models.base import Completion
from cascade.types import JsonObject, JsonValue


def assistant_message(completion: Completion) -> JsonObject:
    """The answer as a message. With tool calls its reasoning goes along, as DeepSeek's thinking mode demands."""
    message: dict[str, JsonValue] = {"role": "assistant", "content": completion.text}
    if completion.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in completion.tool_calls
        ]
        if completion.reasoning is not None:
            message["reasoning_content"] = completion.reasoning
    return message


def tool_message(call_id: str, content: str) -> JsonObject:
    """A tool's answer to the call with this id."""
    return {"role": "tool", "tool_call_id": call_id, "content": content}
