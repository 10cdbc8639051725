"""Calls to models told to LangChain's callbacks: tracers, token counters, `stream_mode="messages"`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import uuid4

from langchain_core.callbacks import AsyncCallbackManager
from langchain_core.callbacks.manager import AsyncCallbackManagerForLLMRun
from langchain_core.messages import AIMessage, AIMessageChunk, convert_to_messages
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import get_async_callback_manager_for_config

from cascade.errors import ModelError
from cascade.events import AttemptEnded, AttemptStarted, Delta, Emit, Event
from cascade.types import Attempt


@asynccontextmanager
async def narrated(config: RunnableConfig | None, emit: Emit) -> AsyncGenerator[Emit]:
    """An `emit` that also tells the config's callbacks of each call; the same one where nobody listens."""
    manager = get_async_callback_manager_for_config(config or {})
    if not manager.handlers:
        yield emit
        return
    told: asyncio.Queue[Event | None] = asyncio.Queue()
    telling = asyncio.create_task(_Narrator(manager).tell(told))

    def both(event: Event) -> None:
        emit(event)
        told.put_nowait(event)

    try:
        yield both
    finally:
        told.put_nowait(None)
        await telling


class _Narrator:
    def __init__(self, manager: AsyncCallbackManager) -> None:
        self._manager = manager
        self._open: dict[int, AsyncCallbackManagerForLLMRun] = {}

    async def tell(self, events: asyncio.Queue[Event | None]) -> None:
        """Tell events in their order until None comes; calls that are open then were cancelled."""
        while (event := await events.get()) is not None:
            if isinstance(event, AttemptStarted):
                await self._started(event)
            elif isinstance(event, Delta) and event.number in self._open:
                await self._said(event)
            elif isinstance(event, AttemptEnded) and event.attempt.number in self._open:
                await self._ended(event.attempt)
        for run in self._open.values():
            await run.on_llm_error(ModelError("the call was cancelled", code="model.cancelled"))

    async def _started(self, event: AttemptStarted) -> None:
        messages = convert_to_messages([dict(message) for message in event.messages])
        (run,) = await self._manager.on_chat_model_start(
            {"name": event.tier}, [messages], run_id=uuid4(), name=event.tier
        )
        self._open[event.number] = run

    async def _said(self, event: Delta) -> None:
        run = self._open[event.number]
        message = AIMessageChunk(content=event.text, id=_message_id(run))
        await run.on_llm_new_token(event.text, chunk=ChatGenerationChunk(message=message))

    async def _ended(self, attempt: Attempt) -> None:
        run = self._open.pop(attempt.number)
        if attempt.error is not None:
            await run.on_llm_error(ModelError(attempt.error_message or attempt.error, code=attempt.error))
            return
        usage = attempt.usage
        message = AIMessage(
            content=attempt.output,
            id=_message_id(run),
            response_metadata={"model_name": attempt.answered_by or attempt.model, "tier": attempt.tier},
            usage_metadata=UsageMetadata(
                input_tokens=usage.input,
                output_tokens=usage.output,
                total_tokens=usage.input + usage.output,
                input_token_details=InputTokenDetails(
                    cache_read=usage.cached_input, cache_creation=usage.cache_write_tokens
                ),
                output_token_details=OutputTokenDetails(reasoning=usage.reasoning),
            ),
        )
        await run.on_llm_end(LLMResult(generations=[[ChatGeneration(message=message)]]))


def _message_id(run: AsyncCallbackManagerForLLMRun) -> str:
    return f"lc_run--{run.run_id}"
