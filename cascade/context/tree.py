"""The files of a workspace that globs name: found without following a link, each with what kind of thing it is."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cascade.errors import InputError
from cascade.globs import Globs
from cascade.validators.snapshot import IGNORED

# Beside what no workspace holds: what package managers put there, and what is built.
NOT_SHOWN = IGNORED | {"node_modules", "bower_components", "venv", "env", ".eggs", "site-packages"}
ENVIRONMENT = "pyvenv.cfg"  # the file that makes a folder a virtual environment, whatever its name


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that the globs name."""

    path: str
    """Relative to the workspace, POSIX."""
    size: int
    """Bytes."""
    stamp: tuple[int, int]
    """Inode and time of change: with the size they tell whether it changed."""
    why_not: str = ""
    """Why it cannot be shown; empty for a plain file."""


def entries(root: Path, globs: Sequence[str]) -> list[Entry]:
    """Everything that the globs name, in the order of the paths.

    Folders of version control, caches, environments and installed packages are passed over, and what cannot be
    looked into.
    Raises InputError if `root` is no folder that can be read.
    """
    try:
        os.listdir(root)  # noqa: PTH208  (only whether it can be read)
    except OSError as error:
        raise InputError(
            f"the workspace {str(root)!r} cannot be read: {error.strerror}",
            hint="name a folder that can be read",
        ) from error
    found: list[Entry] = []
    wanted, ways, waiting = Globs.of(globs), _Ways.of(globs), [""]
    while waiting:
        prefix = waiting.pop()
        for entry in _inside(root, prefix):
            path = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in NOT_SHOWN and ways.lead_to(path):
                    waiting.append(f"{path}/")
            elif wanted.take(path):
                found.append(_entry(root, path, entry))
    return sorted(found, key=lambda entry: entry.path.split("/"))


@dataclass(frozen=True, slots=True)
class _Ways:
    """The fixed beginnings of the globs: other folders need not be looked into."""

    beginnings: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, globs: Sequence[str]) -> _Ways:
        positive = (glob.split("/") for glob in globs if not glob.startswith("!"))
        return cls(tuple({_fixed([part for part in parts if part not in {"", "."}]) for parts in positive}))

    def lead_to(self, folder: str) -> bool:
        """Whether a file below the folder may be named."""
        parts = tuple(folder.split("/"))
        return any(parts[: len(way)] == way[: len(parts)] for way in self.beginnings)


def _fixed(parts: Sequence[str]) -> tuple[str, ...]:
    plain = []
    for part in parts:
        if any(char in part for char in "*?["):
            break
        plain.append(part)
    return tuple(plain)


def _inside(root: Path, prefix: str) -> list[os.DirEntry[str]]:
    """What a folder holds; nothing of an environment, and of a folder that cannot be read."""
    try:
        with os.scandir(root / prefix) as scan:
            there = list(scan)
    except OSError:
        return []
    return [] if prefix and any(entry.name == ENVIRONMENT for entry in there) else there


def _entry(root: Path, path: str, entry: os.DirEntry[str]) -> Entry:
    if not path.isprintable():  # control characters, and names that are no UTF-8
        return Entry(ascii(path), 0, (0, 0), "its name cannot be written down")
    try:
        info = entry.stat(follow_symlinks=False)
    except OSError as error:
        return Entry(path, 0, (0, 0), f"cannot be read ({error.strerror})")
    stamp = (info.st_ino, info.st_mtime_ns)
    if stat.S_ISLNK(info.st_mode):
        return Entry(path, 0, stamp, _of_link(root, path))
    if not stat.S_ISREG(info.st_mode):
        return Entry(path, 0, stamp, "not a file (a socket, a pipe or a device)")
    return Entry(path, info.st_size, stamp)


def _of_link(root: Path, path: str) -> str:
    try:
        real = Path(os.path.realpath(root / path))
    except OSError:
        return "a link that leads nowhere"
    home = Path(os.path.realpath(root))
    if not real.is_relative_to(home):
        return "a link that leads out of the workspace"
    return f"a link to {real.relative_to(home).as_posix()}" if real.exists() else "a link that leads nowhere"
