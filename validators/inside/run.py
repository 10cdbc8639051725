"""One run: fork, confine, execute, watch, and leave nothing behind."""

# ruff: noqa: PTH123, PTH208
# Paths are plain strings here: pathlib would be loaded into every candidate.
from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from cascade.validators.inside.confine import Grant, Policy, confine_child

CHUNK = 1 << 16
REPORT_FD = 3
ABOVE_OURS = REPORT_FD + 1  # a process may be allowed very few descriptors
REPORT_MAX = 64 << 20
WATCH_AFTER_S, WATCH_EVERY_S = 0.1, 0.1
REAP_S = 5.0
SETUP_FAILED = 125
MB = 1 << 20
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Ask:
    """One run as asked for. `target` is executed in the child and gets the descriptor to report on."""

    cwd: str
    env: dict[str, str]
    grant: Grant
    target: Callable[[int], None]
    stdin: bytes = b""
    wall_s: float = 10.0
    output_bytes: int = MB
    memory_bytes: int = 1 << 30
    disk_bytes: int = 256 * MB
    processes: int = 64


@dataclass
class Outcome:
    """How it ended; `clean` is false if something could not be killed, and the server must go."""

    returncode: int | None = None
    ended: str = "exit"
    outputs: list[bytes] = field(default_factory=lambda: [b"", b"", b""])
    truncated: bool = False
    clean: bool = True


class _Capture:
    """Reads the child's three pipes, keeping the first bytes of each."""

    def __init__(self, readers: list[int], caps: list[int]) -> None:
        self.open = {reader: index for index, reader in enumerate(readers)}
        self.kept: list[list[bytes]] = [[] for _ in readers]
        self.room = list(caps)
        self.truncated = False
        for reader in readers:
            os.set_blocking(reader, False)

    def read(self, reader: int) -> bool:
        """Take what is there. False at the end of the stream, or if nothing is there."""
        try:
            data = os.read(reader, CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self.open.pop(reader)
            os.close(reader)
            return False
        index = self.open[reader]
        if len(data) > self.room[index]:
            self.truncated = True
            data = data[: self.room[index]]
        self.room[index] -= len(data)
        self.kept[index].append(data)
        return True

    def drain(self) -> None:
        """Take what is left in the pipes (bounded: all writers are dead, or are about to be)."""
        for reader in list(self.open):
            for _ in range(64):
                if not self.read(reader):
                    break
            if reader in self.open:
                self.open.pop(reader)
                os.close(reader)


def perform(ask: Ask, policy: Policy, control: int) -> Outcome:
    """Run to the end or to a limit. Anything readable on `control` cancels."""
    pipes = [os.pipe() for _ in range(3)]
    stdin = _stdin(ask.stdin)
    pid = os.fork()
    if pid == 0:
        _child(ask, policy, stdin, [writer for _, writer in pipes])
    os.close(stdin)
    for _, writer in pipes:
        os.close(writer)
    capture = _Capture([reader for reader, _ in pipes], [ask.output_bytes, ask.output_bytes, REPORT_MAX])
    ended = _watch(ask, pid, capture, control)
    outcome = Outcome(ended=ended)
    outcome.returncode, outcome.clean = _end_group(pid)
    capture.drain()
    outcome.outputs = [b"".join(parts) for parts in capture.kept]
    outcome.truncated = capture.truncated
    if ended == "exit" and outcome.returncode is not None and outcome.returncode < 0:
        outcome.ended = "signal"
    return outcome


def _stdin(data: bytes) -> int:
    if not data:
        return os.open("/dev/null", os.O_RDONLY)
    memory = os.memfd_create("stdin")
    view = memoryview(data)
    while view:
        view = view[os.write(memory, view) :]
    os.lseek(memory, 0, os.SEEK_SET)
    return memory


def _child(ask: Ask, policy: Policy, stdin: int, writers: list[int]) -> None:
    """Never returns."""
    code, errors = SETUP_FAILED, writers[1]
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        _descriptors(stdin, writers)
        errors = 2
        os.umask(0o022)
        os.environ.clear()
        os.environ.update(ask.env)
        confine_child(policy, ask.grant)
        os.chdir(ask.cwd)  # only now: the folder may be another uid's
        ask.target(REPORT_FD)
        code = 0
    except BaseException:  # noqa: BLE001  (the child's own end: whatever it was goes to its stderr)
        os.write(errors, traceback.format_exc(limit=4).encode("utf-8", "replace")[-4000:])
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError, AttributeError):
                code = code or SETUP_FAILED
        os._exit(code)


def _descriptors(stdin: int, writers: list[int]) -> None:
    """0, 1, 2 and the report; nothing else of the server stays open."""
    high = [fcntl.fcntl(source, fcntl.F_DUPFD_CLOEXEC, ABOVE_OURS) for source in (stdin, *writers)]
    for target, source in enumerate(high):
        os.dup2(source, target)
    try:
        others = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        others = list(range(1 << 16))
    for other in others:
        if other > REPORT_FD:
            try:
                os.close(other)
            except OSError:  # the listing's own descriptor
                continue


def _watch(ask: Ask, pid: int, capture: _Capture, control: int) -> str:
    """Wait for the child's end, a limit, or a word on `control`; says which it was."""
    started = time.monotonic()
    deadline, next_look = started + ask.wall_s, started + WATCH_AFTER_S
    ending = os.pidfd_open(pid)
    poller = select.poll()
    for source in (ending, control, *capture.open):
        poller.register(source, select.POLLIN | select.POLLHUP)
    try:
        while True:
            now = time.monotonic()
            if now >= deadline:
                return "timeout"
            if now >= next_look:
                over = _over_limits(ask, pid)
                if over:
                    return over
                next_look = time.monotonic() + WATCH_EVERY_S
            ready = {source for source, _ in poller.poll(max(1, 1000 * (min(deadline, next_look) - now)))}
            for source in ready & set(capture.open):
                if not capture.read(source) and source not in capture.open:
                    poller.unregister(source)
            if control in ready:
                return "cancelled"
            if ending in ready:
                return "exit"
    finally:
        os.close(ending)


def _over_limits(ask: Ask, group: int) -> str:
    """What the processes of the group together, or their folders, exceed; empty if nothing."""
    count, pages = 0, 0
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            count += int(fields[17])  # threads count too
            pages += int(fields[21])
    if pages * PAGE > ask.memory_bytes:
        return "memory"
    if count > ask.processes:
        return "processes"
    return "disk" if _disk(ask) > ask.disk_bytes else ""


def _disk(ask: Ask) -> int:
    """Bytes below the writable folders; hard links to shared files are not the run's."""
    total, stack, looked = 0, list(ask.grant.writable), 0
    while stack and looked < 50_000:
        try:
            with os.scandir(stack.pop()) as entries:
                for entry in entries:
                    looked += 1
                    if entry.is_dir(follow_symlinks=False):
                        stack.append(entry.path)
                        continue
                    info = entry.stat(follow_symlinks=False)
                    total += info.st_blocks * 512 if info.st_nlink < 2 else 0
        except OSError:
            continue
    return total


def _end_group(pid: int) -> tuple[int | None, bool]:
    """Kill the whole group and every orphan, reap all. The child's code, and whether all are gone."""
    code: int | None = None
    deadline = time.monotonic() + REAP_S
    _kill(-pid)
    while True:
        try:
            found, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code, True
        if found == pid:
            code = os.waitstatus_to_exitcode(status)
        if found == 0:
            if time.monotonic() > deadline:
                return code, False
            _kill(-pid)
            for child in _children():
                _kill(child)
            time.sleep(0.001)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _children() -> list[int]:
    """This process's children, those adopted included."""
    own = os.getpid()
    try:
        with open(f"/proc/{own}/task/{own}/children", "rb") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []
