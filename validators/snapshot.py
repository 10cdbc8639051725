"""A user's directory, copied once and shared by every attempt without ever being written.

The copy's files are read-only; a workspace gets hard links to them, so that a directory of 10,000 files costs
10,000 links and no bytes. The sandbox refuses chmod, so what runs inside cannot make them writable.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cascade.errors import InputError, StorageError

# Never part of a workspace: version control, caches and environments, which also hold links to the outside.
IGNORED = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        "__pycache__",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".tox",
        ".nox",
        ".venv",
    }
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a directory: relative path, kind, and what tells whether it changed."""

    path: str
    kind: str
    stamp: str


def scan(root: Path) -> tuple[Entry, ...]:
    """Every directory, file and inner link under `root`, parents first.

    Raises:
        InputError: a link leads out of `root`, or `root` is no directory.
    """
    if not root.is_dir():
        raise InputError(f"the workspace {str(root)!r} is not a directory", hint="give an existing directory")
    try:
        return tuple(_entries(root, ""))
    except OSError as error:
        raise InputError(f"the workspace cannot be read: {error}", hint="mend its permissions") from error


def _entries(root: Path, prefix: str) -> Iterator[Entry]:
    with os.scandir(root / prefix) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        path = f"{prefix}{entry.name}"
        if entry.is_symlink():
            yield Entry(path, "link", _inner_target(root, path))
        elif entry.is_dir(follow_symlinks=False):
            if entry.name not in IGNORED:
                yield Entry(path, "dir", "")
                yield from _entries(root, f"{path}/")
        elif entry.is_file(follow_symlinks=False):
            info = entry.stat(follow_symlinks=False)
            yield Entry(path, "file", f"{info.st_size}:{info.st_mtime_ns}:{info.st_mode & stat.S_IXUSR}")


def _inner_target(root: Path, path: str) -> str:
    """The link's target as written, if it is relative and stays inside."""
    link = root / path
    target = str(link.readlink())
    real = Path(os.path.realpath(link))
    inside = real == Path(os.path.realpath(root)) or real.is_relative_to(os.path.realpath(root))
    if target.startswith("/") or not inside:
        raise InputError(
            f"the link {path!r} leads out of the workspace (to {target!r})",
            hint="remove it, or copy what it points to into the workspace",
        )
    return target


class Snapshots:
    """Read-only copies of workspace directories, one for each state a directory was seen in."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._last: dict[str, tuple[str, Path, tuple[Entry, ...]]] = {}

    def materialise(self, directory: str, destination: Path, *, share: bool) -> None:
        """Fill `destination` with the directory's content; `share` by hard links, else by copying."""
        copy, entries = self._copy_of(Path(directory))
        for entry in entries:
            target = destination / entry.path
            if entry.kind == "dir":
                target.mkdir()
            elif entry.kind == "link":
                target.symlink_to(entry.stamp)
            elif share:
                os.link(copy / entry.path, target)
            else:
                shutil.copyfile(copy / entry.path, target)
                target.chmod(0o755 if entry.stamp.endswith(":64") else 0o644)

    def _copy_of(self, directory: Path) -> tuple[Path, tuple[Entry, ...]]:
        key = os.path.realpath(directory)
        entries = scan(directory)
        state = hashlib.sha256(repr(entries).encode("utf-8", "surrogateescape")).hexdigest()[:24]
        known = self._last.get(key)
        if known is not None and known[0] == state:
            return known[1], entries
        copy = self._parent / f"snapshot-{state}"
        if not copy.exists():
            self._make(directory, copy, entries)
        self._last[key] = (state, copy, entries)
        return copy, entries

    def _make(self, directory: Path, copy: Path, entries: tuple[Entry, ...]) -> None:
        partial = copy.with_suffix(f".{os.getpid()}.{os.urandom(4).hex()}")
        try:
            partial.mkdir(parents=True)
            for entry in entries:
                if entry.kind == "dir":
                    (partial / entry.path).mkdir()
                elif entry.kind == "file":
                    shutil.copyfile(directory / entry.path, partial / entry.path, follow_symlinks=False)
                    (partial / entry.path).chmod(0o555 if entry.stamp.endswith(":64") else 0o444)
            partial.rename(copy)
        except OSError as error:
            shutil.rmtree(partial, ignore_errors=True)
            if copy.is_dir():
                return
            raise StorageError(
                f"the workspace {str(directory)!r} could not be copied: {error}",
                hint="free some disk space, or set TMPDIR to a place with more",
            ) from error
