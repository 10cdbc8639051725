"""The room's structlog logger, going into the standard library's logging, silent unless that is set up."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from functools import cache
from typing import Any

from cascade.visible import visible


@cache
def log() -> Any:
    """A structlog logger named `cascade.models`. An application sees its events through `logging`."""
    import structlog

    logger = logging.getLogger("cascade.models")
    logger.addHandler(logging.NullHandler())
    return structlog.wrap_logger(
        logger,
        processors=[structlog.stdlib.filter_by_level, _written_out, structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def _written_out(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What servers say, without characters that would drive a terminal."""
    for key, value in fields.items():
        if isinstance(value, str):
            fields[key] = visible(value)
    return fields
