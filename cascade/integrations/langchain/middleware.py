"""A middleware for `create_agent`: every model call of the agent is a cascade."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse

from cascade.api import Cascade
from cascade.integrations.langchain.chat_model import CascadeChatModel


class CascadeMiddleware(AgentMiddleware[Any, Any, Any]):
    """Routes each model call to a tier, checks tool calls and structured output, feeds faults back, escalates.

    The agent's own model is not called. `validators`: as for `CascadeChatModel`. Errors other than an answer's
    faults (a budget that is spent, endpoints that are down) are raised.
    """

    def __init__(self, cascade: Cascade, *, validators: tuple[str, ...] | None = None) -> None:
        super().__init__()
        self.model = CascadeChatModel(cascade=cascade, validators=validators)

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """The call, by the cascade."""
        return handler(request.override(model=self.model))

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        """The same, asynchronously."""
        return await handler(request.override(model=self.model))
