"""A user's directory, copied once and shared by every attempt without ever being written.

The copy's files are read-only; a workspace gets hard links to them, so that a directory of 10,000 files costs
10,000 links and no bytes. The sandbox refuses chmod, so what runs inside cannot make them writable.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cascade.errors import InputError, StorageError
from cascade.validators.bytecode import Compiled, compiled_below, fitted

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


# What tells that a folder of any name is a virtual environment (PEP 405).
ENVIRONMENT = "pyvenv.cfg"
LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a directory: relative path, kind, and what tells whether it changed, or why it is left out."""

    path: str
    kind: str
    stamp: str


def scan(root: Path) -> tuple[Entry, ...]:
    """Every directory, file and inner link under `root`, parents first, and what has to be left out.

    Version control, caches and virtual environments are no part of it; links that lead out, what cannot be read,
    sockets and the like are entries of the kind `left out`.

    Raises:
        InputError: `root` is no directory, or cannot be read.
    """
    if not root.is_dir():
        raise InputError(f"the workspace {str(root)!r} is not a directory", hint="give an existing directory")
    try:
        return tuple(_entries(root, ""))
    except OSError as error:
        raise InputError(f"the workspace cannot be read: {error}", hint="correct its permissions") from error


def _entries(root: Path, prefix: str) -> Iterator[Entry]:
    with os.scandir(root / prefix) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        path = f"{prefix}{entry.name}"
        if entry.is_symlink():
            yield _link(root, path)
        elif entry.is_dir(follow_symlinks=False):
            yield from _folder(root, path, entry.name)
        elif entry.is_file(follow_symlinks=False):
            yield _file(entry, path)
        else:
            yield Entry(path, LEFT_OUT, "it is neither a file nor a folder")


def _folder(root: Path, path: str, name: str) -> Iterator[Entry]:
    if name in IGNORED or (root / path / ENVIRONMENT).is_file():
        return
    if not os.access(root / path, os.R_OK | os.X_OK):
        yield Entry(path, LEFT_OUT, "it cannot be read")
        return
    yield Entry(path, "dir", "")
    yield from _entries(root, f"{path}/")


def _file(entry: os.DirEntry[str], path: str) -> Entry:
    if not os.access(entry.path, os.R_OK):
        return Entry(path, LEFT_OUT, "it cannot be read")
    info = entry.stat(follow_symlinks=False)
    return Entry(path, "file", f"{info.st_size}:{info.st_mtime_ns}:{info.st_mode & stat.S_IXUSR}")


def _link(root: Path, path: str) -> Entry:
    """A link that stays inside, with its target relative to it."""
    link = root / path
    target = str(link.readlink())
    top, real = Path(os.path.realpath(root)), Path(os.path.realpath(link))
    if not (real == top or real.is_relative_to(top)) or _is_in_environment(real, top):
        return Entry(path, LEFT_OUT, f"it leads out of the workspace, to {target!r}")
    if target.startswith("/"):
        target = os.path.relpath(real, os.path.realpath(link.parent))
    return Entry(path, "link", target)


def _is_in_environment(real: Path, top: Path) -> bool:
    """Whether a link leads into what is no part of a workspace."""
    above = [real, *real.parents]
    inside = above[: above.index(top)]
    return any(place.name in IGNORED or (place / ENVIRONMENT).is_file() for place in inside)


def left_out(root: Path) -> dict[str, str]:
    """What a workspace cannot hold of a directory, and why."""
    return {entry.path: entry.stamp for entry in scan(root) if entry.kind == LEFT_OUT}


class Snapshots:
    """Read-only copies of workspace directories, one for each state a directory was seen in."""

    def __init__(self, parent: Path, *, sealed: bool = True) -> None:
        """`sealed`: what runs in a workspace is the owner of the copies, so that nobody may write them."""
        self._parent = parent
        self._modes = (0o444, 0o555) if sealed else (0o644, 0o755)
        self._last: dict[str, tuple[str, Path, tuple[Entry, ...]]] = {}
        self._compiled: dict[Path, tuple[str, ...]] = {}

    def materialise(self, directory: str, destination: Path, *, share: bool) -> None:
        """Fill `destination` with the directory's content; `share` by hard links, else by copying."""
        copy, entries = self._copy_of(Path(directory))
        for entry in entries:
            target = destination / entry.path
            if entry.kind == "dir":
                target.mkdir()
            elif entry.kind == "link":
                target.symlink_to(entry.stamp)
            elif entry.kind == LEFT_OUT:
                continue
            elif share:
                os.link(copy / entry.path, target)
            else:
                shutil.copyfile(copy / entry.path, target)
                target.chmod(0o755 if entry.stamp.endswith(":64") else 0o644)
        for path in self._compiled.get(copy, ()) if share else ():
            (destination / path).parent.mkdir(exist_ok=True)
            os.link(copy / path, destination / path)

    def compiled(self, directory: str, used: Path) -> tuple[Compiled, ...]:
        """What a run compiled of the directory's files in a workspace that shared them."""
        copy, _ = self._copy_of(Path(directory))
        return tuple(compiled_below(used, copy))

    def keep_compiled(self, directory: str, compiled: Iterable[Compiled]) -> None:
        """Lay compiled files beside the copy: later workspaces of the same state get links to them.

        Only what a run made in which no answer's code ran.
        """
        copy, _ = self._copy_of(Path(directory))
        known = self._compiled.get(copy, ())
        fitting = ((one.path, fitted(one, copy)) for one in compiled if one.path not in known)
        made = {path: content for path, content in fitting if content}
        for path, content in made.items():
            place = copy / path
            place.parent.mkdir(exist_ok=True)
            partial = place.with_suffix(f".{os.urandom(4).hex()}")
            partial.write_bytes(content)
            partial.chmod(self._modes[0])
            partial.rename(place)
        self._compiled[copy] = (*known, *made)

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
                    (partial / entry.path).chmod(self._modes[entry.stamp.endswith(":64")])
            partial.rename(copy)
        except OSError as error:
            shutil.rmtree(partial, ignore_errors=True)
            if copy.is_dir():
                return
            raise StorageError(
                f"the workspace {str(directory)!r} could not be copied: {error}",
                hint="free some disk space, or set TMPDIR to a place with more",
            ) from error
