"""A function that never returns holds up neither its caller nor the end of the process."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading

import pytest

from cascade.background import call_in_daemon_thread

HANGS = """
import asyncio, threading
from cascade.types import Candidate, Task
from cascade.validators.function import FromCallable
from cascade.validators.suite import Suite

def hang(_):
    threading.Event().wait()

async def main():
    verdict = await Suite([FromCallable(hang, timeout_s=0.01)]).check(Task(prompt=""), Candidate(text="x"))
    print(verdict.status, verdict.reports[0].detail)

asyncio.run(main())
"""
MARK: contextvars.ContextVar[str] = contextvars.ContextVar("mark")


def test_a_validator_that_hangs_does_not_keep_the_process_from_ending() -> None:
    # The limit only ends a test that would hang for ever.
    done = subprocess.run(
        [sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout == "unchecked it took more than 0.01 s\n"


async def test_the_function_sees_the_callers_context_and_hands_back_its_result() -> None:
    MARK.set("here")
    assert await call_in_daemon_thread(lambda: (MARK.get(), threading.current_thread().daemon)) == (
        "here",
        True,
    )


@pytest.mark.parametrize(
    "raised", [ValueError("no"), StopIteration("no")], ids=lambda error: type(error).__name__
)
async def test_what_the_function_raises_reaches_the_caller(raised: Exception) -> None:
    def fail() -> None:
        raise raised

    with pytest.raises((ValueError, RuntimeError), match="no"):
        await call_in_daemon_thread(fail)


async def test_a_cancelled_caller_leaves_and_a_late_result_hurts_nobody() -> None:
    release, ended = threading.Event(), threading.Event()

    def wait() -> None:
        release.wait()
        ended.set()

    waiting = asyncio.ensure_future(call_in_daemon_thread(wait))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    release.set()
    await asyncio.to_thread(ended.wait)
