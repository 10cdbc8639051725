"""cascade: a cheap model first, real checks on its output, a strong one only where it pays.

Names load when they are first used (PEP 562), so that `import cascade` stays fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cascade.api import Cascade as Cascade
    from cascade.config import Config as Config
    from cascade.errors import CascadeError as CascadeError
    from cascade.types import Attempt as Attempt
    from cascade.types import Diagnostic as Diagnostic
    from cascade.types import Result as Result
    from cascade.types import Task as Task
    from cascade.types import Usage as Usage
    from cascade.types import Verdict as Verdict

__version__ = "0.1.0"

_HOMES = {
    "Attempt": "cascade.types",
    "Cascade": "cascade.api",
    "CascadeError": "cascade.errors",
    "Config": "cascade.config",
    "Diagnostic": "cascade.types",
    "Result": "cascade.types",
    "Task": "cascade.types",
    "Usage": "cascade.types",
    "Verdict": "cascade.types",
}

__all__ = [*sorted(_HOMES), "__version__"]  # noqa: PLE0604  (the names are strings)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'cascade' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
