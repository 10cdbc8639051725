"""A scripted server's log: what it was asked, what it did, what it billed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cascade.testing.faults import Fault
from cascade.types import Usage


@dataclass(slots=True)
class Logged:
    """One call in the server's log. `billed` grows while the answer is sent; `status` 0: no head was sent."""

    number: int
    at: datetime
    headers: Mapping[str, str]
    body: bytes
    document: dict[str, Any]
    path: str = ""
    fault: Fault | None = None
    status: int = 0
    billed: Usage = field(default_factory=Usage)
    completed: bool = False

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages that were sent."""
        return list(self.document.get("messages") or [])


def total_billed(calls: Iterable[Logged]) -> Usage:
    """The sum over some calls of a log."""
    return sum((call.billed for call in calls), Usage())
