"""The cascade for LangGraph's server: `langgraph dev` in this folder, with DEEPSEEK_API_KEY in `.env`.

The server brings its own checkpointer and store; they reach into the cascade.
"""

from __future__ import annotations

from pathlib import Path

from cascade import Cascade

graph = Cascade.from_file(Path(__file__).parent.parent / "cascade.yaml").graph
