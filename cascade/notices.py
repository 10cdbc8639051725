"""What a user should know although nothing failed: said once each, and counted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One warning. Notices of the same `code` and `subject` are one, counted."""

    code: str
    """Stable and machine readable, for example `usage.estimated`."""
    subject: str
    """The endpoint or tier that it is about."""
    message: str
    """What happened, and what it means, in one sentence."""
    hint: str = ""
    """What to do about it."""

    @property
    def text(self) -> str:
        """Message and hint in one line."""
        named = not self.subject or self.message.startswith(self.subject)
        said = self.message if named else f"{self.subject}: {self.message}"
        return f"{said} (hint: {self.hint})" if self.hint else said


class Notices:
    """Collects the notices of a run. Safe under threads and asyncio."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str], Notice] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._listeners: list[Callable[[Notice], None]] = []
        self._lock = threading.Lock()

    def listen(self, listener: Callable[[Notice], None]) -> None:
        """Call `listener` with every notice that is the first of its kind."""
        self._listeners.append(listener)

    def add(self, notice: Notice) -> None:
        """Count a notice, and hand it on if it is the first of its kind."""
        key = (notice.code, notice.subject)
        with self._lock:
            is_first = key not in self._first
            self._first.setdefault(key, notice)
            self._counts[key] = self._counts.get(key, 0) + 1
        if is_first:
            for listener in self._listeners:
                listener(notice)

    def counted(self) -> list[tuple[Notice, int]]:
        """The first notice of each kind, and how many there were; in the order in which they came."""
        with self._lock:
            return [(notice, self._counts[key]) for key, notice in self._first.items()]


def notice_lines(counted: Iterable[tuple[Notice, int]]) -> list[str]:
    """Counted notices for people, one line each."""
    return [
        f"warning: {notice.text}" + (f" [{count} times]" if count > 1 else "") for notice, count in counted
    ]
