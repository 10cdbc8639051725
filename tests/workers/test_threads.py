"""One cascade in several threads at once: nobody closes what another is using."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cascade import Cascade
from cascade.background import BackgroundLoop
from cascade.config import from_mapping
from cascade.models.gate import Clock, Gate
from cascade.models.spec import EndpointSpec, RetryPolicy
from cascade.testing import ScriptedServer
from cascade.trace.reader import read_trace
from cascade.trace.verify import verify
from cascade.types import Result
from tests.integrations.conftest import GOOD, declared
from tests.waiting import HANGS_S
from tests.workers.test_forks import another

THREADS = 6


@contextmanager
def served() -> Iterator[ScriptedServer]:
    """A server in a thread of its own."""
    loop, server = asyncio.new_event_loop(), ScriptedServer(GOOD)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
    yield server
    asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def opened(server: ScriptedServer, folder: Path, **tier: Any) -> Cascade:
    """A cascade whose tiers are endpoints of the server."""
    config = declared()
    for wanted in config["tiers"].values():
        wanted |= {"base_url": server.base_url, "api_key": "none", **tier}
    return Cascade.from_config(from_mapping(config), trace=folder)


def at_once(*works: Callable[[], Result]) -> list[Result]:
    """The results of works that begin together, a thread each."""
    ready = threading.Barrier(len(works))

    def begin(work: Callable[[], Result]) -> Result:
        ready.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return [each.result(timeout=HANGS_S) for each in [pool.submit(begin, work) for work in works]]


@pytest.mark.parametrize("limit", [{}, {"limits": {"concurrency": 1}}], ids=["free", "in turn"])
def test_run_sync_from_many_threads(tmp_path: Path, limit: dict[str, Any]) -> None:
    with served() as server:
        cascade = opened(server, tmp_path, **limit)
        results = at_once(*(lambda: cascade.run_sync(another()) for _ in range(THREADS)))
        path = cascade.trace_path
        asyncio.run(cascade.aclose())
    assert [result.status for result in results] == ["accepted"] * THREADS
    assert all(len(result.attempts) == 1 for result in results), "no check was lost to another thread's end"
    log = read_trace(path or "", strict=False)
    assert not verify(log).problems
    assert [event.event for event in log.events].count("run.started") == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_run_sync_does_not_end_what_run_blocking_waits_for(tmp_path: Path) -> None:
    with served() as server:
        cascade = opened(server, tmp_path)
        results = at_once(
            *(lambda: cascade.run_sync(another()) for _ in range(3)),
            *(lambda: cascade.run_blocking(another()) for _ in range(3)),
        )
        asyncio.run(cascade.aclose())
    assert [result.status for result in results] == ["accepted"] * 6


def test_closing_the_background_loop_cancels_what_runs_in_it() -> None:
    background, begun = BackgroundLoop(), threading.Event()

    async def waits() -> None:
        begun.set()
        await asyncio.Event().wait()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: background.run(waits()))
        assert begun.wait(HANGS_S)
        asyncio.run(background.aclose())
        with pytest.raises(CancelledError):
            waiting.result(timeout=HANGS_S)


def test_a_slot_is_handed_from_one_event_loop_to_another() -> None:
    spec = EndpointSpec(name="e", model="m", base_url="http://127.0.0.1:9/v1", max_concurrency=1)
    gate, inside, most = Gate(spec, RetryPolicy(), Clock()), [0], [0]
    lock = threading.Lock()

    async def pass_through() -> None:
        for _ in range(50):
            await gate.enter()
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            await asyncio.sleep(0)
            with lock:
                inside[0] -= 1
            gate.leave(None)

    with ThreadPoolExecutor(4) as pool:
        waits = [pool.submit(lambda: asyncio.run(pass_through())) for _ in range(4)]
        for each in waits:
            each.result(timeout=HANGS_S)
    assert most[0] == 1
