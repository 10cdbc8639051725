"""Every error that cascade raises on purpose.

    CascadeError
    ├── UsageError          the caller asked for something that cannot be         exit 2
    │   ├── ConfigError     the declared file is wrong, with file:line:column
    │   ├── InputError      a task file, log, trace or recording is wrong or not there
    │   ├── NodeError       a function of a declared graph failed
    │   └── PriceError      a price is not known
    ├── OutsideError        the outside failed and the work could not be done     exit 3
    │   ├── ModelError      an endpoint's answer, or its lack
    │   ├── SandboxError    model-written code cannot be isolated here
    │   └── StorageError    a trace or results file cannot be read or written
    ├── BudgetExhaustedError the next call does not fit the budget                 exit 1
    └── SupportError        the log cannot answer what is asked of it             exit 2

Each has a stable `code`, says what and why in its message, and how to mend it in `hint`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cascade.types import Charge, Result, Usage


def listed(names: Iterable[str], *, most: int = 8) -> str:
    """Names for a message: the first few, and how many there are besides."""
    every = list(names)
    shown = ", ".join(every[:most]) or "nothing"
    return shown if len(every) <= most else f"{shown} and {len(every) - most} more"


class CascadeError(Exception):
    """Root of the tree.

    `code` is stable and machine readable, `hint` says how to mend it, `exit_code` is the command line's.
    """

    code = "cascade"
    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.result: Result | None = None
        """The task as it stood, where its graph failed with money spent."""
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class UsageError(CascadeError):
    """The caller asked for something that cannot be."""

    code = "usage"
    exit_code = 2


class ConfigError(UsageError):
    """The declared configuration is wrong. `problems` has one located line for each mistake."""

    code = "config"

    def __init__(self, message: str, *, hint: str = "", problems: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class InputError(UsageError):
    """A task file, log, recording or other input is wrong."""

    code = "input"


class NodeError(UsageError):
    """A function that a declared graph calls failed, took too long, or returned what was not declared."""

    code = "graph.node"


class PriceError(UsageError):
    """No price is known for a model, and none was declared."""

    code = "price.unknown"


class OutsideError(CascadeError):
    """Something outside (endpoint, disk, sandbox) failed, and the work could not be done."""

    code = "outside"
    exit_code = 3


class ModelError(OutsideError):
    """A call to an endpoint failed.

    `retryable` says whether the same request may succeed later, `status` is the HTTP status if there was
    one, `usage` what was billed as far as is known (None: unknown), `tries` how many requests were made,
    `charges` each of them, `retry_after_s` how many seconds the endpoint asked to wait. `is_unsent`: no request
    left this machine, so nothing can have been billed.
    """

    code = "model"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        code: str | None = None,
        retryable: bool = False,
        status: int | None = None,
        usage: Usage | None = None,
        tries: int = 1,
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.retryable = retryable
        self.status = status
        self.usage = usage
        self.tries = tries
        self.charges: tuple[Charge, ...] = ()
        self.retry_after_s: float | None = None
        self.is_unsent = False


class SandboxError(OutsideError):
    """Model-written code cannot be isolated on this machine, so it is not executed."""

    code = "sandbox"


class StorageError(OutsideError):
    """A trace, results or recording file cannot be read or written."""

    code = "storage"


class BudgetExhaustedError(CascadeError):
    """The next call, at its worst case, does not fit what is left of the budget."""

    code = "budget"


class SupportError(CascadeError):
    """The log holds no support for the figure that was asked for: it is the wrong input for the question."""

    code = "support"
    exit_code = 2
