"""What a fork must not copy: parts that are called before a fork, and after it in the parent and in the child.

A forked child has copies of all objects, shares all open files and sockets with its parent, and has none of its other
threads. Whatever holds a file, a lock, a thread or a process follows forks.
"""

from __future__ import annotations

import os
import weakref
from functools import cache
from threading import RLock


class ForkAware:
    """Base of parts that follow forks. All three methods are called in the thread that forks."""

    __slots__ = ("__weakref__",)

    def before_fork(self) -> None:
        """Bring everything to rest: take the locks, so that no thread is in the middle of something."""

    def after_fork_in_parent(self) -> None:
        """Go on: release the locks."""

    def after_fork_in_child(self) -> None:
        """Drop what is the parent's without ending it there, and make new locks. Must not raise.

        A program that forks in C may call nothing but this.
        """


def follow_forks(part: ForkAware) -> None:
    """Call the part at each fork from now on, for as long as it lives."""
    _followers().add(part)


class _Followers:
    """All parts that follow forks."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._parts: weakref.WeakSet[ForkAware] = weakref.WeakSet()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self.before, after_in_parent=self.in_parent, after_in_child=self.in_child
            )

    def add(self, part: ForkAware) -> None:
        with self._lock:
            self._parts.add(part)

    def before(self) -> None:
        self._lock.acquire()
        for part in list(self._parts):
            part.before_fork()

    def in_parent(self) -> None:
        for part in list(self._parts):
            part.after_fork_in_parent()
        self._lock.release()

    def in_child(self) -> None:
        self._lock = RLock()
        for part in list(self._parts):
            part.after_fork_in_child()


@cache
def _followers() -> _Followers:
    return _Followers()
