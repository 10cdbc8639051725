"""Which test asked for what the sandbox refuses: so that its failure is not taken for the answer's."""

# ruff: noqa: PTH101, PTH118, PTH123
# Paths are plain strings here: pathlib would be loaded into every candidate. Runs on Python 3.7 and later.
from __future__ import annotations

import errno
import os
import sys
from types import TracebackType
from typing import Any

DENIED = (errno.EPERM, errno.EACCES)
# Standard modules by which a refusal of sockets or of shared memory reaches a test.
GATES = ("multiprocessing", "socket", "socketserver", "asyncio", "http", "selectors", "xmlrpc", "concurrent")


class Refusals:
    """Watches for changes of modes that claim success and do nothing; knows denied sockets and shared memory."""

    def __init__(self, scratch: str) -> None:
        self._asked: set[str] = set()
        if hasattr(sys, "addaudithook") and _modes_are_claimed(scratch):
            sys.addaudithook(self._watch)

    def _watch(self, event: str, arguments: Any) -> None:
        del arguments
        if event == "os.chmod":
            self._asked.add("a change of modes")

    def start(self) -> None:
        """A test begins."""
        self._asked.clear()

    def of(self, error: BaseException) -> list[str]:
        """What the test that failed by this error was refused."""
        found = set(self._asked)
        if isinstance(error, OSError) and error.errno in DENIED:
            found |= {f"{gate} ({error.strerror})" for gate in _gates(error.__traceback__)}
        return sorted(found)


def _gates(trace: TracebackType | None) -> list[str]:
    """The standard module, or package, whose code was refused: of the innermost frame."""
    file = ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        trace = trace.tb_next
    standard = os.path.dirname(os.__file__) + os.sep  # noqa: PTH120
    if not file.startswith(standard):
        return []
    name = file[len(standard) :].split(os.sep)[0]  # noqa: PTH206
    name = name[:-3] if name.endswith(".py") else name  # noqa: FURB188  (Python 3.7)
    return [name] if name in GATES else []


def _modes_are_claimed(scratch: str) -> bool:
    """True if changing a mode says that it was done and it was not."""
    path = os.path.join(scratch, ".mode")
    try:
        with open(path, "wb"):
            os.chmod(path, 0o640)
            claimed = os.stat(path).st_mode & 0o777 != 0o640  # noqa: PTH116
        os.unlink(path)  # noqa: PTH108
    except OSError:
        return False
    return claimed
