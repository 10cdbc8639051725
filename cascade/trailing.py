"""What goes on behind a result: a task's stream ends with its result, and its shadow is made after that."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from cascade.events import Event, Finished

_LOG = logging.getLogger("cascade.shadow")


class Trailing:
    """Graphs that run on after their task's end, until `settle` or `cancel`."""

    def __init__(self) -> None:
        self._jobs: set[asyncio.Task[None]] = set()

    @property
    def jobs(self) -> frozenset[asyncio.Task[None]]:
        """Those of the running event loop that have not ended."""
        here = asyncio.get_running_loop()
        return frozenset(job for job in self._jobs.copy() if job.get_loop() is here)

    async def ended(self, events: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
        """The events up to the task's end; what comes after goes on by itself. Closing it before cancels all."""
        told: asyncio.Queue[Event | None] = asyncio.Queue()
        seen = asyncio.Event()
        job = asyncio.create_task(_drive(events, told, seen))
        try:
            while (event := await told.get()) is not None:
                if isinstance(event, Finished):
                    self._follow(job)
                    seen.set()
                    yield event
                    return
                yield event
            await job
        finally:
            if not seen.is_set():
                job.cancel()
                await asyncio.gather(job, return_exceptions=True)

    async def settle(self) -> None:
        """Wait until all have ended. Cancelled, it cancels them, and waits until that is booked."""
        jobs = self.jobs
        if not jobs:
            return
        try:
            await asyncio.wait(jobs)
        except asyncio.CancelledError:
            await self.cancel()
            raise

    async def cancel(self) -> None:
        """End all of them now; what they have cost is booked."""
        jobs = self.jobs
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)

    def _follow(self, job: asyncio.Task[None]) -> None:
        self._jobs.add(job)
        job.add_done_callback(self._let_go)

    def _let_go(self, job: asyncio.Task[None]) -> None:
        self._jobs.discard(job)
        error = None if job.cancelled() else job.exception()
        if error is not None:
            _LOG.warning("a task's shadow ended with %s: %s", type(error).__name__, error)


async def _drive(
    events: AsyncGenerator[Event], told: asyncio.Queue[Event | None], seen: asyncio.Event
) -> None:
    """Run the graph in one task from beginning to end; it goes on only when its task's end was taken."""
    try:
        async with aclosing(events):
            async for event in events:
                told.put_nowait(event)
                if isinstance(event, Finished):
                    await seen.wait()
    finally:
        told.put_nowait(None)
