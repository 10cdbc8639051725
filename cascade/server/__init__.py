"""An OpenAI-compatible endpoint in front of a cascade: `create_app` for your ASGI server, `serve` for ours."""

from __future__ import annotations

from cascade.server.app import create_app as create_app
from cascade.server.options import ServerOptions as ServerOptions
from cascade.server.run import serve as serve
