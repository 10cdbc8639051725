"""The contexts of a run: one for each state of a workspace, looked at when a task begins, kept by content."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from cascade.context.base import Context, ContextSettings
from cascade.context.making import make
from cascade.context.tree import Entry, entries
from cascade.errors import InputError
from cascade.types import Task

Key: TypeAlias = tuple[str, tuple[str, ...]]
MOST_KEPT = 64  # texts in memory; an older one is read again when it is needed


@dataclass(slots=True)
class _Place:
    """A workspace and globs: what stood there when it was last looked at, and the context that this gave."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    seen: tuple[Entry, ...] = ()
    context: Context | None = None
    looked_at: float = 0.0


class Contexts:
    """Gives each task its context. Files are read again only where one has changed; safe for many tasks at once."""

    def __init__(self, settings: ContextSettings = ContextSettings()) -> None:  # noqa: B008  (frozen)
        self._settings = settings
        self._lock = threading.Lock()
        self._places: dict[Key, _Place] = {}
        self._kept: OrderedDict[str, Context] = OrderedDict()
        self._given: set[str] = set()

    def key(self, task: Task) -> Key | None:
        """Which files a task is shown: its workspace and globs; None if it is shown none."""
        globs = self._settings.globs if task.context is None else task.context
        if task.workspace is None or not globs or task.messages:
            return None
        return os.path.realpath(task.workspace), globs

    async def of(self, task: Task) -> Context | None:
        """The context of a task that begins; None if it is shown nothing of its workspace.

        Raises InputError if the workspace cannot be read, or if the globs name nothing in it.
        """
        key = self.key(task)
        if key is None:
            return None
        context = await asyncio.to_thread(self._looked_at, key)
        return context if context.text else None

    def kept(self, sha256: str | None) -> Context | None:
        """A context that was given before, by its content."""
        with self._lock:
            return None if sha256 is None else self._kept.get(sha256)

    def first_time(self, context: Context) -> bool:
        """Whether this is asked of a context for the first time."""
        with self._lock:
            new = context.sha256 not in self._given
            self._given.add(context.sha256)
            return new

    def _looked_at(self, key: Key) -> Context:
        with self._lock:
            place = self._places.setdefault(key, _Place())
        root, globs = key
        asked = time.monotonic()
        with place.lock:
            if place.context is not None and place.looked_at > asked:
                return self._keep(place.context)  # looked at while this task waited
            started = time.monotonic()
            now = tuple(self._entries(Path(root), globs))
            if place.context is None or now != place.seen:
                place.seen = now
                place.context = make(Path(root), now, globs, most_tokens=self._settings.most_tokens)
            place.looked_at = started
            return self._keep(place.context)

    def _entries(self, root: Path, globs: Sequence[str]) -> list[Entry]:
        if not root.is_dir():
            raise InputError(
                f"the workspace {str(root)!r} is not a directory", hint="give an existing directory"
            )
        return entries(root, globs)

    def _keep(self, context: Context) -> Context:
        with self._lock:
            same = self._kept.setdefault(context.sha256, context)
            self._kept.move_to_end(same.sha256)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return same
