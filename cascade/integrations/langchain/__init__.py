"""LangChain: a chat model that is a cascade, agents whose model calls are cascades, chat models as tiers.

`CascadeChatModel` and `LangChainModel` need langchain-core, which LangGraph brings; `CascadeMiddleware` needs
`langchain` (extra `langchain`). Each loads when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cascade.integrations.langchain.chat_model import CascadeChatModel as CascadeChatModel
    from cascade.integrations.langchain.middleware import CascadeMiddleware as CascadeMiddleware
    from cascade.integrations.langchain.tier import LangChainModel as LangChainModel

_HOMES = {"CascadeChatModel": "chat_model", "CascadeMiddleware": "middleware", "LangChainModel": "tier"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
