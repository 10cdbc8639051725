"""The JSON Schema of the config file: what `cascade check` refuses, an editor underlines."""

from __future__ import annotations

from typing import Any

from cascade.config.plugins import Plugins
from cascade.config.schema import Config

SCHEMA_ID = "https://raw.githubusercontent.com/cascade-router/cascade-router/main/docs/cascade.schema.json"


def json_schema(plugins: Plugins | None = None) -> dict[str, Any]:
    """JSON Schema, draft 2020-12. plugins: installed names that may stand beside the built-in ones."""
    del plugins
    schema = Config.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **schema,
        "title": "cascade.yaml",
    }
