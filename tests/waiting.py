"""Waiting for events in tests. The only limit guards against a hang, far above what a slow machine takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

HANGS_S = 300.0
NEVER_S = 3600.0  # as long as an answer takes that must not be waited for
LOOK_EVERY_S = 0.01


async def until(happened: Callable[[], object], *, what: str = "it") -> None:
    """Wait until something has happened."""
    limit = time.monotonic() + HANGS_S
    while not happened():
        assert time.monotonic() < limit, f"{what} did not happen"
        await asyncio.sleep(LOOK_EVERY_S)


def until_sync(happened: Callable[[], object], *, what: str = "it") -> None:
    """The same without an event loop."""
    limit = time.monotonic() + HANGS_S
    while not happened():
        assert time.monotonic() < limit, f"{what} did not happen"
        time.sleep(LOOK_EVERY_S)


async def heard(stream: asyncio.StreamReader | None, word: bytes) -> bytes:
    """What a process said up to the line that has the word; waits for it."""
    assert stream is not None
    said = b""
    async with asyncio.timeout(HANGS_S):
        while word not in said:
            line = await stream.readline()
            assert line, f"{word!r} was not said, but {said!r}"
            said += line
    return said
