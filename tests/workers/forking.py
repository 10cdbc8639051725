"""Real forks: work done in a child, its answer read from a pipe. A limit only guards against a child that hangs."""

from __future__ import annotations

import json
import os
import select
import signal
import time
import traceback
import warnings
from collections.abc import Callable
from typing import Any

from tests.waiting import HANGS_S


def fork() -> int:
    """`os.fork`, in spite of threads: that is what is tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


class Child:
    """A forked child that does some work and says what came of it as JSON."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._read, write = os.pipe()
        self.pid = fork()
        if self.pid == 0:
            os.close(self._read)
            _do(work, write)
        os.close(write)

    def answer(self) -> Any:
        """What the work gave. Fails if it raised, or if the child hangs."""
        said, until = b"", time.monotonic() + HANGS_S
        try:
            while True:
                ready, _, _ = select.select([self._read], [], [], max(0.0, until - time.monotonic()))
                if not ready:
                    os.kill(self.pid, signal.SIGKILL)
                    raise AssertionError(f"the child hangs; until then it said {said!r}")
                part = os.read(self._read, 65536)
                if not part:
                    break
                said += part
        finally:
            os.close(self._read)
            os.waitpid(self.pid, 0)
        answer = json.loads(said or b'{"error": "the child ended without a word"}')
        assert "error" not in answer, answer["error"]
        return answer["value"]


def in_child(work: Callable[[], Any]) -> Any:
    """The value that `work` gives in a forked child."""
    return Child(work).answer()


def _do(work: Callable[[], Any], write: int) -> None:
    try:
        said = json.dumps({"value": work()})
    except BaseException:
        said = json.dumps({"error": traceback.format_exc()})
    os.write(write, said.encode())
    os._exit(0)
