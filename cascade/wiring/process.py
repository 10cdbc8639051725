"""One run in each process: a cascade that finds itself in a forked child opens a run of its own there."""

from __future__ import annotations

from threading import RLock

from cascade.forks import ForkAware, follow_forks
from cascade.wiring.wired import Wired


class PerProcess(ForkAware):
    """Gives a cascade's parts as they are in the process that asks."""

    __slots__ = ("_inherited", "_lock", "_stale", "_wired")

    def __init__(self, wired: Wired) -> None:
        self._wired = wired
        self._inherited: list[Wired] = []
        self._lock = RLock()
        self._stale = False
        follow_forks(self)

    def __call__(self) -> Wired:
        """Those of this process."""
        if self._stale:
            with self._lock:
                if self._stale:
                    self._renew()
        return self._wired

    def before_fork(self) -> None:
        """Let no thread be in the middle of opening a run."""
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        """Nothing changes here."""
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Open a run of this process's own when it is asked for."""
        self._lock = RLock()
        self._stale = True

    def _renew(self) -> None:
        # Kept: dropped here, the parent's event loops and half-done calls would be ended by this process.
        self._inherited.append(self._wired)
        self._wired = self._wired.of_another_run()
        self._stale = False
