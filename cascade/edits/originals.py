"""The files that an answer edits: the task's, over those of its workspace, which are read when they are asked for."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from cascade.edits.changes import EditError
from cascade.errors import InputError
from cascade.types import Mode, Task
from cascade.validators.paths import confined, resolve_inside
from cascade.validators.snapshot import IGNORED

MOST_BYTES = 32 << 20
"""Size of the largest file that is edited."""
MOST_PATHS = 50_000
"""Paths of a workspace that are listed to name the nearest in a message."""


class Originals(Mapping[str, str]):
    """Texts by path. Bytes that are no UTF-8 come as lone surrogates (`surrogateescape`).

    A path that leaves the workspace, or leads into version control or caches, is not there.
    Reading a link, or a file that is too large or may not be read, raises EditError.
    """

    def __init__(self, files: Mapping[str, str], workspace: str | None = None) -> None:
        self._files = files
        self._root = None if workspace is None else Path(os.path.realpath(workspace))

    @classmethod
    def of(cls, task: Task) -> Originals:
        """What an answer to the task builds on."""
        return cls(task.files, task.workspace)

    @property
    def base(self) -> Originals:
        """What a patch of the answer applies to: the workspace alone where there is one."""
        return self if self._root is None else Originals({}, str(self._root))

    @property
    def overlay(self) -> Mapping[str, str]:
        """The task's own files where they lie over a workspace."""
        return {} if self._root is None else self._files

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and (path in self._files or self._place(path) is not None)

    def __getitem__(self, path: str) -> str:
        if path in self._files:
            return self._files[path]
        place = self._place(path)
        if place is None:
            raise KeyError(path)
        if place.is_symlink():
            message = f"{path} is a link to {os.readlink(place)}. Edit that file instead."  # noqa: PTH115
            raise EditError(message, path=path)
        return _read(place, path)

    def __iter__(self) -> Iterator[str]:
        yield from self._files
        if self._root is not None:
            below = (path for path in _walk(self._root) if path not in self._files)
            for number, path in enumerate(below):
                if number >= MOST_PATHS:
                    return
                yield path

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def mode(self, path: str) -> Mode:
        """The mode of a file; that of a plain one where the file is not on disk."""
        place = None if path in self._files else self._place(path)
        if place is None or not place.stat().st_mode & stat.S_IXUSR:
            return "100644"
        return "100755"

    def _place(self, path: str) -> Path | None:
        """Where a file or link of the workspace lies."""
        if self._root is None or IGNORED & set(PurePosixPath(path).parts):
            return None
        try:
            place = resolve_inside(self._root, path)
            return place if place.is_symlink() or place.is_file() else None
        except (InputError, OSError, ValueError):
            return None


def _read(place: Path, path: str) -> str:
    try:
        if place.stat().st_size > MOST_BYTES:
            raise EditError(f"{path} is larger than {MOST_BYTES >> 20} MiB, too large to edit.", path=path)
        return place.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise EditError(f"{path} cannot be read: {error.strerror}.", path=path) from error


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - IGNORED)
        for name in sorted(names):
            yield (Path(folder) / name).relative_to(root).as_posix()


def confined_or_none(path: str) -> str | None:
    """The path as the workspace writes it; None where it may not be written."""
    try:
        pure = confined(path)
    except InputError:
        return None
    return None if any(part.lower() == ".git" for part in pure.parts) else str(pure)
