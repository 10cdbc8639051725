"""Fork servers kept warm: a few of each kind, started when first needed, replaced when sick."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import weakref
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from cascade.validators import inside
from cascade.validators.sandbox.backends import Backend
from cascade.validators.sandbox.limits import Completed, Kind, Room
from cascade.validators.sandbox.runtime import world_readable
from cascade.validators.sandbox.worker import Launch, Worker, WorkerLostError

RECYCLE_AFTER = 2000
# How many uids each of our processes has for its servers.
UIDS = 64
# A kind of server, and the places outside that it can read besides.
Key: TypeAlias = tuple[Kind, tuple[str, ...]]


class Pool:
    """Servers by kind. Bound to no event loop or thread: each loop that uses it has its own queue for a slot."""

    def __init__(self, backend: Backend, root: Path, policy: Mapping[str, Any], *, slots: int) -> None:
        self.backend = backend
        self._root = root
        self._policy = dict(policy)
        self._slots = slots
        self._started = itertools.count(1)
        self._idle: dict[Key, list[Worker]] = defaultdict(list)
        self._busy: set[Worker] = set()
        self._uses: weakref.WeakKeyDictionary[Worker, int] = weakref.WeakKeyDictionary()
        self._queues: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Key, asyncio.Semaphore]]
        self._queues = weakref.WeakKeyDictionary()
        self.lib = root / "lib"

    def furnish(self) -> None:
        """Lay out the inner package alone, in a place of its own: the library's folder is not seen inside."""
        package = self.lib / "cascade" / "validators" / "inside"
        package.mkdir(parents=True)
        for source in Path(str(inside.__file__)).parent.glob("*.py"):
            shutil.copyfile(source, package / source.name)
        (self.lib / "cascade" / "__init__.py").touch()

    async def ask(self, kind: Kind, request: Mapping[str, Any], room: Room) -> Completed:
        """One run on a server of this kind; one that was lost is replaced and asked once more.

        Raises:
            SandboxError: no server can be started.
        """
        head = {
            **request,
            "cwd": str(room.cwd),
            "env": dict(room.env),
            "writable": [str(path) for path in room.writable],
            "readable": [str(path) for path in room.readable],
            "limits": room.limits.message(),
        }
        # What else is to be read has to be in sight of the server, which is confined itself.
        key = (
            kind,
            tuple(sorted(str(path) for path in room.readable if not path.is_relative_to(self._root))),
        )
        async with self._queue(key):
            for _ in range(2):
                worker = await self._take(key, room)
                try:
                    return await worker.ask(head, room.stdin, room.limits.wall_s)
                except WorkerLostError as error:
                    lost = str(error)
                finally:
                    self._give_back(key, worker)
        return Completed(returncode=None, ended="lost", detail=f"the sandbox's server was lost twice: {lost}")

    def _queue(self, key: Key) -> asyncio.Semaphore:
        queues = self._queues.setdefault(asyncio.get_running_loop(), {})
        return queues.setdefault(key, asyncio.Semaphore(self._slots))

    async def _take(self, key: Key, room: Room) -> Worker:
        try:
            worker = self._idle[key].pop()
        except IndexError:
            launch = self._launch(key, room)
            worker = Worker(launch)
            await worker.start(launch.hello)
        self._busy.add(worker)
        self._uses[worker] = self._uses.get(worker, 0) + 1
        return worker

    def _launch(self, key: Key, room: Room) -> Launch:
        kind, outside = key
        readable = (*self._policy["readable"], *kind.places, *outside)
        places: tuple[Path, ...] = (self._root,)
        if self.backend.one_shot:
            places, readable = room.writable, (*readable, *map(str, room.readable))
        return Launch(
            argv=self.backend.command(kind, self.lib, places, readable),
            env=self.backend.env,
            hello={
                "policy": self._policy_of(readable, own=(*kind.places, *outside)),
                "root": str(self._root),
                "setup": {"flags": list(kind.flags)},
            },
            log=self._root / f"{kind.name}.log",
        )

    def _policy_of(self, readable: tuple[str, ...], *, own: tuple[str, ...]) -> dict[str, Any]:
        """`own` is what this server has to read besides."""
        search = self._policy["search"] or not world_readable(own)
        return {**self._policy, "readable": readable, "uid": self._next_uid(), "search": search}

    def _next_uid(self) -> int | None:
        """A uid for one more server, if servers take one: two candidates must not share a limit."""
        first: int | None = self._policy["uid"]
        return None if first is None else first + 1 + next(self._started) % (UIDS - 1)

    def _give_back(self, key: Key, worker: Worker) -> None:
        self._busy.discard(worker)
        if worker.closed:
            return
        if self.backend.one_shot or self._uses[worker] >= RECYCLE_AFTER:
            worker.close()
        else:
            self._idle[key].append(worker)

    def close(self) -> None:
        """End every server."""
        for worker in self._emptied():
            worker.close()

    def abandon(self) -> None:
        """In a forked child: leave the servers to the parent."""
        for worker in self._emptied():
            worker.abandon()

    def _emptied(self) -> list[Worker]:
        workers = [*self._busy, *(worker for idle in self._idle.values() for worker in idle)]
        self._idle.clear()
        self._busy.clear()
        return workers
