"""A LangChain chat model as a tier: for providers that have no OpenAI-compatible endpoint."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, convert_to_messages

from cascade.errors import CascadeError, ModelError
from cascade.models.base import Completion, ModelRequest, Observer
from cascade.models.tokens import estimate_input
from cascade.tokens import estimate_tokens
from cascade.types import Charge, JsonObject, ToolCall, Usage


class LangChainModel:
    """Calls a chat model for a tier. Retries are the chat model's own; its errors become `ModelError`."""

    def __init__(self, model: BaseChatModel, *, name: str, endpoint: str | None = None) -> None:
        self._model = model
        self._name = name
        self._endpoint = endpoint or name

    async def generate(self, request: ModelRequest, *, observe: Observer | None = None) -> Completion:
        """Stream the answer, counted by the model's own usage where it reports one."""
        heard = _Heard()
        error: str | None = "model.cancelled"
        try:
            async for chunk in self._bound(request).astream(messages_of(request.messages)):
                if heard.take(chunk, observe):
                    break
            error = None
        except CascadeError as own:
            error = own.code
            raise
        except Exception as fault:
            # The boundary to any provider's package: its errors have no common type.
            error = "model.provider"
            raise ModelError(f"{type(fault).__name__}: {fault}", code=error) from fault
        finally:
            charge = self._charge(request, heard, error)
            request.book(charge)
        return self._completion(heard, charge)

    def _charge(self, request: ModelRequest, heard: _Heard, error: str | None) -> Charge:
        usage = _usage(request, heard.whole)
        return Charge(
            endpoint=self._endpoint,
            model=self._name,
            usage=usage,
            at=heard.sent,
            billing="estimated" if usage.estimated else "reported",
            error=error,
            latency_s=heard.elapsed,
        )

    def _completion(self, heard: _Heard, charge: Charge) -> Completion:
        whole = heard.whole
        return Completion(
            text=str(whole.text) if whole is not None else "",
            usage=charge.usage,
            model=str(_told(whole, "model_name") or self._name),
            endpoint=self._endpoint,
            finish_reason="cut" if heard.cut else str(_told(whole, "finish_reason") or "stop"),
            latency_s=charge.latency_s,
            first_token_s=heard.first_s,
            tool_calls=_tool_calls(whole),
            charges=(charge,),
        )

    async def aclose(self) -> None:
        """The chat model belongs to who made it."""

    def _bound(self, request: ModelRequest) -> Any:
        options: dict[str, Any] = dict(request.extra)
        if request.tools:
            choice = options.pop("tool_choice", None)
            return self._model.bind_tools(
                [dict(tool) for tool in request.tools], tool_choice=choice, **options
            )
        options.pop("tool_choice", None)
        return self._model.bind(**options) if options else self._model


@dataclass(slots=True)
class _Heard:
    """What has come of a stream so far."""

    whole: AIMessageChunk | None = None
    first_s: float | None = None
    cut: bool = False
    sent: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: float = field(default_factory=time.perf_counter)

    @property
    def elapsed(self) -> float:
        return time.perf_counter() - self.clock

    def take(self, chunk: AIMessageChunk, observe: Observer | None) -> bool:
        """Add a chunk; whether the observer has heard enough."""
        self.whole = chunk if self.whole is None else self.whole + chunk
        if self.first_s is None:
            self.first_s = self.elapsed
        self.cut = observe is not None and bool(chunk.text) and observe(str(chunk.text))
        return self.cut


def messages_of(messages: Sequence[JsonObject]) -> list[BaseMessage]:
    """Chat messages as LangChain's."""
    return convert_to_messages([dict(message) for message in messages])


def _told(message: AIMessage | None, key: str) -> object:
    return message.response_metadata.get(key) if message is not None else None


def _tool_calls(message: AIMessageChunk | None) -> tuple[ToolCall, ...]:
    if message is None:
        return ()
    valid = [
        ToolCall(id=call["id"] or "", name=call["name"], arguments=json.dumps(call["args"]))
        for call in message.tool_calls
    ]
    broken = [
        ToolCall(id=call["id"] or "", name=call["name"] or "", arguments=call["args"] or "")
        for call in message.invalid_tool_calls
    ]
    return (*valid, *broken)


def _usage(request: ModelRequest, message: AIMessageChunk | None) -> Usage:
    """What the model reports, else an estimate from what was sent and received."""
    counted = message.usage_metadata if message is not None else None
    if counted is not None:
        details = counted.get("input_token_details", {})
        read, written = details.get("cache_read", 0), details.get("cache_creation", 0)
        thought = counted.get("output_token_details", {}).get("reasoning", 0)
        return Usage(
            input=counted["input_tokens"],
            cached_input=min(read, counted["input_tokens"]),
            output=counted["output_tokens"],
            reasoning=min(thought, counted["output_tokens"]),
            cache_write_tokens=min(written, max(0, counted["input_tokens"] - read)),
        )
    text = str(message.text) if message is not None else ""
    return Usage(
        input=estimate_input(request.messages, request.tools), output=estimate_tokens(text), estimated=True
    )
