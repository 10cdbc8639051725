"""The sandbox as the rest of the library sees it: what isolates here, and runs inside it."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cascade.errors import SandboxError
from cascade.forks import ForkAware, follow_forks
from cascade.validators.sandbox.backends import Backend
from cascade.validators.sandbox.limits import Completed, Kind, Limits, Room
from cascade.validators.sandbox.pool import UIDS, Pool
from cascade.validators.sandbox.runtime import ENVIRONMENT

PREFIX = "cascade-sandbox-"
LAUNCHER = Kind("launcher")
# uids that no account has: a block for each process of ours, its first for the workspaces' owner.
FIRST_UID = 1_879_048_192


@dataclass(frozen=True, slots=True)
class _Open:
    """What a sandbox has on this machine."""

    root: Path
    pool: Pool
    finalizer: weakref.finalize[..., Sandbox]


def uids_of_this_process(policy: Mapping[str, Any]) -> dict[str, int | None]:
    """The first uid of this process's block for the keys of the policy that have a uid."""
    block = FIRST_UID + UIDS * os.getpid()
    return {key: None if policy[key] is None else block for key in ("uid", "owner")}


class Sandbox(ForkAware):
    """Runs programs and jobs isolated; safe to use from many tasks and threads at once.

    `layers` are what was probed and holds (for the trace), `problem` says why nothing isolates here (None if
    something does), `root` is the private directory in which workspaces must be made. A forked child gets a
    directory, servers and uids of its own when it first uses its copy.
    """

    def __init__(
        self,
        backend: Backend,
        policy: Mapping[str, Any],
        *,
        limits: Limits,
        problem: str | None = None,
        trusted: bool = False,
        slots: int | None = None,
    ) -> None:
        self.limits = limits
        self.layers: tuple[str, ...] = ("limits", *backend.layers)
        self.problem = problem
        self._trusted = trusted
        self._backend = backend
        self._policy = dict(policy)
        self._slots = slots or max(2, os.cpu_count() or 1)
        self._lock = threading.RLock()
        self._open: _Open | None = None
        follow_forks(self)

    @property
    def root(self) -> Path:
        """Where workspaces must be; made when it is first used, and anew if the sandbox had been closed."""
        return self._opened().root

    @property
    def owner(self) -> int | None:
        """The uid under which candidates run, if it is not ours."""
        owner: int | None = self._policy["owner"]
        return owner

    def _opened(self) -> _Open:
        with self._lock:
            if self._open is None:
                self._open = self._furnished()
            return self._open

    def _furnished(self) -> _Open:
        root = Path(os.path.realpath(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")))
        if self.owner is not None:
            root.chmod(0o711)  # its own uid has to get through to its workspace
        pool = Pool(self._backend, root, self._policy, slots=self._slots)
        opened = _Open(root, pool, weakref.finalize(self, _remove, pool, root))
        pool.furnish()
        return opened

    def before_fork(self) -> None:
        """Let no thread be in the middle of opening or closing."""
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        """Nothing changes here."""
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Leave directory and servers to the parent."""
        self._lock = threading.RLock()
        inherited, self._open = self._open, None
        if inherited is not None:
            inherited.finalizer.detach()
            inherited.pool.abandon()
        self._policy |= uids_of_this_process(self._policy)

    @property
    def isolates(self) -> bool:
        """True if what runs inside is kept from the files, the network and the processes outside."""
        return self.problem is None

    def require_isolation(self) -> None:
        """Do nothing where model-written code may be executed.

        Raises:
            SandboxError: nothing isolates here, and the config did not say `sandbox: {use: none}`.
        """
        if self.problem is not None and not self._trusted:
            raise SandboxError(
                f"model-written code is not executed here: {self.problem}",
                hint="`cascade doctor` says what is missing; `sandbox: {use: none}` executes without isolation",
            )

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        writable: Sequence[Path] = (),
        timeout_s: float | None = None,
    ) -> Completed:
        """Run a program to its end, or to its limits; never raises for what the program does.

        The environment is a small fixed one with `env` on top. Without `cwd` it runs in a fresh directory, which
        it may write. HOME and TMPDIR are set only if `env` sets them, or in that fresh directory.

        Raises:
            SandboxError: the sandbox cannot be started.
        """
        limits = self.limits if timeout_s is None else _with_wall(self.limits, timeout_s)
        if cwd is not None:
            room = Room(cwd=cwd, writable=tuple(writable), env=env or {}, stdin=stdin, limits=limits)
            return await self.execute(argv, room)
        with tempfile.TemporaryDirectory(dir=self.root, prefix="run-") as fresh:
            place = Path(fresh)
            if self.owner is not None:
                _give(place, self.owner)
            home = {"HOME": fresh, "TMPDIR": fresh, **(env or {})}
            room = Room(cwd=place, writable=(place, *writable), env=home, stdin=stdin, limits=limits)
            return await self.execute(argv, room)

    async def execute(self, argv: Sequence[str], room: Room, *, reports: bool = False) -> Completed:
        """As `run`, with everything said in `room`; one that `reports` has our private channel as descriptor 3."""
        request = {"argv": list(argv), "reports": reports}
        return await self._opened().pool.ask(LAUNCHER, request, self._prepared(room))

    async def job(self, kind: Kind, job: str, payload: Mapping[str, Any], room: Room) -> Completed:
        """Run one of our own jobs in a fork of a warm server of this kind; its findings are in `report`."""
        payload = {**payload, "readable": [*self._policy["readable"], *kind.places]}
        return await self._opened().pool.ask(kind, {"job": job, "payload": payload}, self._prepared(room))

    def _prepared(self, room: Room) -> Room:
        return replace(room, env={**ENVIRONMENT, **room.env})

    def close(self) -> None:
        """End every process and remove `root`; both are made anew when they are next used."""
        with self._lock:
            opened, self._open = self._open, None
            if opened is not None:
                opened.finalizer()

    async def aclose(self) -> None:
        """As `close`."""
        self.close()


def _give(place: Path, owner: int) -> None:
    """Servers' children are users of their own, of the owner's group."""
    os.chown(place, owner, owner)
    place.chmod(0o770)


def _with_wall(limits: Limits, wall_s: float) -> Limits:
    return replace(limits, wall_s=wall_s)


def _remove(pool: Pool, root: Path) -> None:
    pool.close()
    shutil.rmtree(root, ignore_errors=True)
