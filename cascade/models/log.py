"""The room's structlog logger, going into the standard library's logging, silent unless that is set up."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any


@cache
def log() -> Any:
    """A structlog logger named `cascade.models`. An application sees its events through `logging`."""
    import structlog

    logger = logging.getLogger("cascade.models")
    logger.addHandler(logging.NullHandler())
    return structlog.wrap_logger(
        logger,
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
