"""Counting who uses something, so that it is closed only when nobody does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Uses:
    """How many use it now, over all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    @contextmanager
    def use(self) -> Iterator[None]:
        """It is in use within the block. Waits while it is being closed."""
        with self._lock:
            self._count += 1
        try:
            yield
        finally:
            with self._lock:
                self._count -= 1

    @contextmanager
    def unused(self) -> Iterator[bool]:
        """Whether nobody uses it; nobody begins to within the block."""
        with self._lock:
            yield self._count == 0
