"""What a run may use, and how it ended: plain values, known to both sides of the sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

Ended: TypeAlias = Literal["exit", "signal", "timeout", "memory", "disk", "processes", "cancelled", "lost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that one run may use.

    `wall_s` and `cpu_s` are seconds, `cpu_s` of each process. `memory_mb` bounds the resident memory of all
    processes of the run together; `address_space_mb` bounds each process's virtual memory (None: unbounded, for
    runtimes such as V8 that reserve much more than they use). `file_mb` bounds each file, `disk_mb` what the
    run adds to its writable folders, `output_mb` what is kept of each of stdout and stderr.
    `processes` counts threads too.
    """

    wall_s: float = 10.0
    cpu_s: int = 30
    memory_mb: int = 1024
    address_space_mb: int | None = 4096
    processes: int = 128
    open_files: int = 256
    file_mb: int = 64
    disk_mb: int = 256
    output_mb: float = 1.0

    def message(self) -> dict[str, Any]:
        """As the fork server reads it."""
        names = ("cpu_s", "address_space_mb", "file_mb", "open_files", "processes")
        return {
            "wall_s": self.wall_s,
            "memory_mb": self.memory_mb,
            "disk_mb": self.disk_mb,
            "output_mb": self.output_mb,
            "processes": self.processes,
            "rlimits": {name: getattr(self, name) for name in names},
        }


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fork server."""

    name: str
    """Its name in `inside.kinds`."""
    flags: tuple[str, ...] = ()
    """What it prepares itself with."""
    python: str = ""
    """The interpreter that it runs in; empty for ours."""
    places: tuple[str, ...] = ()
    """What that interpreter has to be able to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Where and with what a run runs: its working directory, what it may write and read besides, its limits."""

    cwd: Path
    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """How a run ended. `returncode` is negative for a signal; None if the run's end was not seen.

    `ended` says by what it ended; `truncated` that output beyond the limit was dropped; `report` holds what a
    job of ours wrote to its private channel (empty for plain programs).
    """

    returncode: int | None
    stdout: bytes = b""
    stderr: bytes = b""
    report: bytes = b""
    ended: Ended = "exit"
    truncated: bool = False
    wall_s: float = 0.0
    detail: str = ""

    @property
    def timed_out(self) -> bool:
        """True if the run was killed because its time was over."""
        return self.ended == "timeout"
