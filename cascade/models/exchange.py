"""One request to an endpoint and what has come of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cascade.models.assembly import Assembly
from cascade.models.body import Body
from cascade.models.spec import EndpointSpec
from cascade.notices import Notice


@dataclass(slots=True)
class Exchange:
    """A request under way."""

    spec: EndpointSpec
    body: Body
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.perf_counter)
    answered: bool = False
    """Whether a response's head has come."""
    done: bool = False
    """Whether the stream ended as the protocol says, with [DONE]."""
    cut: bool = False
    """Whether an observer ended it."""
    first_token_s: float | None = None
    unopened: bool = False
    """Whether the endpoint is known to leave out the opening tag of thoughts."""
    assembly: Assembly = field(init=False)
    notices: list[Notice] = field(default_factory=list)
    """What a user should know of it although it did not fail."""

    def notice(self, code: str, message: str, *, hint: str = "") -> None:
        """Note something about the endpoint."""
        self.notices.append(Notice(code=code, subject=self.spec.name, message=message, hint=hint))

    def __post_init__(self) -> None:
        """An assembly that knows the request's tools."""
        salt = str(len(self.body.request["messages"]))
        self.assembly = Assembly(self.body.tool_names, salt=salt, unopened=self.unopened)

    @property
    def elapsed(self) -> float:
        """Seconds since it was sent."""
        return time.perf_counter() - self.started
