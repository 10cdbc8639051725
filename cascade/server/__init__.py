"""An OpenAI-compatible endpoint in front of a cascade: `create_app` for your ASGI server, `serve` for ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cascade.server.app import create_app as create_app
from cascade.server.options import ServerOptions as ServerOptions

if TYPE_CHECKING:
    from cascade.server.run import serve as serve


def __getattr__(name: str) -> object:
    """`serve` loads uvicorn, which an ASGI server of yours does not need."""
    if name != "serve":
        raise AttributeError(f"module 'cascade.server' has no attribute {name!r}")
    from cascade.server.run import serve

    return serve
