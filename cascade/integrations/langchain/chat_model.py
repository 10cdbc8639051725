"""A LangChain chat model that is a cascade."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool

from cascade.api import Cascade
from cascade.conversation import chat_checks, last_said
from cascade.errors import BudgetExhaustedError, ModelError
from cascade.events import Delta, Finished
from cascade.integrations.langchain.messages import ai_message, chat_messages, tool_definitions
from cascade.types import Result, Task
from cascade.wiring.conversation import demands

# What `bind` and `invoke` may pass on to the model.
PASSED_ON = frozenset(
    {"frequency_penalty", "max_tokens", "parallel_tool_calls", "presence_penalty", "reasoning_effort", "seed"}
    | {"response_format", "stop", "temperature", "tool_choice", "top_p"}
)


class CascadeChatModel(BaseChatModel):
    """Answers by a cascade: routed, checked, mended, escalated. Synchronous and asynchronous.

    `validators` names the config's checks for its answers (None: those that do not look at code files);
    `metadata_for` adds to the task's metadata, from the messages. Tool calls, `tool_choice` and
    `response_format` are always checked. What the answer took stands in `response_metadata["cascade"]`.
    """

    cascade: Any
    validators: tuple[str, ...] | None = None
    task_metadata: Mapping[str, Any] = {}

    @property
    def _llm_type(self) -> str:
        return "cascade"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"tiers": list(self._engine.tiers), "validators": list(self._checks)}

    @property
    def _engine(self) -> Cascade:
        engine: Cascade = self.cascade
        return engine

    @property
    def _checks(self) -> tuple[str, ...]:
        return chat_checks(self._engine.validators) if self.validators is None else self.validators

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with tools to call. `tool_choice`: a tool's name, `any`, `auto`, `none`, or OpenAI's form."""
        defined = tool_definitions(tools)
        kwargs.pop("strict", None)
        choice = _choice(tool_choice, {str(tool["function"]["name"]) for tool in defined})  # type: ignore[call-overload,index]
        if choice is not None:
            kwargs["tool_choice"] = choice
        return self.bind(tools=[dict(tool) for tool in defined], **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002  (LangChain's signature)
        **kwargs: Any,
    ) -> ChatResult:
        return _chat_result(self._engine.run_blocking(self._task(messages, stop, kwargs)))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002  (LangChain's signature)
        **kwargs: Any,
    ) -> ChatResult:
        return _chat_result(await self._engine.run(self._task(messages, stop, kwargs)))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        """Piece by piece where nothing is checked; else in one piece, when the answer stands."""
        task = self._task(messages, stop, kwargs)
        live, sent = task.validators == () and not demands(task), False
        async for event in self._engine.stream(task):
            if isinstance(event, Delta) and live:
                if event.was_thought and sent:
                    continue  # a chunk cannot be taken back
                if event.restarted and sent:
                    raise ModelError("the answer broke off while it was streamed", code="model.stream")
                sent = True
                chunk = ChatGenerationChunk(message=AIMessageChunk(content=event.text))
                if run_manager is not None:
                    await run_manager.on_llm_new_token(event.text, chunk=chunk)
                yield chunk
            elif isinstance(event, Finished):
                yield _last_chunk(event.result, said=sent)

    def _task(self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]) -> Task:
        written = chat_messages(messages)
        passed = {key: value for key, value in options.items() if key in PASSED_ON and value is not None}
        return Task(
            id=f"chat-{uuid.uuid4().hex}",
            prompt=last_said(written),
            messages=written,
            tools=tool_definitions(options.get("tools") or ()),
            parameters={**passed, **({"stop": stop} if stop else {})},
            validators=self._checks,
            metadata=dict(self.task_metadata),
        )


def _choice(wanted: Any, names: set[str]) -> Any:
    """`tool_choice` in OpenAI's words."""
    if wanted is True or wanted == "any":
        return "required"
    if isinstance(wanted, str) and wanted in names:
        return {"type": "function", "function": {"name": wanted}}
    return wanted or None


def _given(result: Result) -> Result:
    """The result, if it gives an answer. Raises BudgetExhaustedError or ModelError where it gives none."""
    if result.answer is not None:
        return result
    if result.status == "budget_exhausted":
        raise BudgetExhaustedError(result.reason)
    told = next(
        (each.error_message for each in reversed(result.attempts) if each.error_message), result.reason
    )
    raise ModelError(told or "no tier gave an answer", code=result.error or "model")


def _chat_result(result: Result) -> ChatResult:
    message = ai_message(_given(result))
    return ChatResult(
        generations=[ChatGeneration(message=message)], llm_output=dict(message.response_metadata)
    )


def _last_chunk(result: Result, *, said: bool) -> ChatGenerationChunk:
    whole = ai_message(_given(result))
    calls = [
        {"name": call.name, "args": call.arguments, "id": call.id, "index": number, "type": "tool_call_chunk"}
        for number, call in enumerate(result.answer.tool_calls if result.answer else ())
    ]
    chunk = AIMessageChunk(
        content="" if said else whole.content,
        tool_call_chunks=calls,
        additional_kwargs=whole.additional_kwargs,
        usage_metadata=whole.usage_metadata,
        response_metadata=whole.response_metadata,
    )
    return ChatGenerationChunk(message=chunk)
