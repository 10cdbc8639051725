"""Threads of the library's own: an event loop for callers without one, and calls that may never return."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar, cast

T = TypeVar("T")


class BackgroundLoop:
    """Runs coroutines for synchronous callers; any number of threads may call at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for a coroutine's result, in the caller's context. An interrupted wait cancels it."""
        context = contextvars.copy_context()
        done: Future[T] = Future()
        cell: list[asyncio.Task[T]] = []

        def begin() -> None:
            cell.append(loop.create_task(work, context=context))
            cell[0].add_done_callback(lambda task: _hand_over(task, done))

        with self._lock:  # so that a loop that is being closed ends this too
            loop = self._started()
            loop.call_soon_threadsafe(begin)
        try:
            return done.result()
        except BaseException:  # an interrupted wait, too, must not leave the work going on
            if cell and not done.done():
                loop.call_soon_threadsafe(cell[0].cancel)
            raise

    async def call(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for `work` in the loop. Nothing if it never ran."""
        with self._lock:
            loop = self._loop
        if loop is not None:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_awaited(work), loop))

    async def aclose(self, *releases: Callable[[], Awaitable[None]]) -> None:
        """Call `releases` in the loop, then end it and cancel what still runs in it. Nothing if it never ran."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        for release in releases:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_awaited(release), loop))
        loop.call_soon_threadsafe(loop.stop)
        await asyncio.to_thread(thread.join)

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=_serve, args=(self._loop,), name="cascade", daemon=True)
            self._thread.start()
        return self._loop


async def call_in_daemon_thread(function: Callable[..., T], *arguments: object) -> T:
    """Call somebody's function in a thread of its own, in the caller's context.

    Nothing waits for a function that does not return: neither a caller whose time is over, nor the process's end.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(cast("T", result))

    def work() -> None:
        result: T | None = None
        failed: BaseException | None = None
        try:
            result = context.run(function, *arguments)
        except StopIteration as error:  # a future cannot carry it
            failed = RuntimeError(f"the function raised {error!r}")
        except BaseException as error:  # noqa: BLE001  (handed to the caller)
            failed = error
        with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
            loop.call_soon_threadsafe(settle, result, failed)

    name = getattr(function, "__name__", "function")
    threading.Thread(target=work, name=f"cascade: {name}", daemon=True).start()
    return await done


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
        loop.run_until_complete(_cancel_rest())
    finally:
        loop.close()


async def _cancel_rest() -> None:
    """Whoever waits for work in a loop that was closed hears that it was cancelled."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


async def _awaited(work: Callable[[], Awaitable[None]]) -> None:
    await work()


def _hand_over(task: asyncio.Task[T], done: Future[T]) -> None:
    if task.cancelled():
        done.cancel()
    elif (error := task.exception()) is not None:
        done.set_exception(error)
    else:
        done.set_result(task.result())
