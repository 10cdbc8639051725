"""Compiled files of a workspace: left by a run without an answer, and read by the runs that follow.

A compiled file counts only for a file that is the snapshot's own, by its inode. So none is kept of what a task or
an answer laid over it, nor of what a test wrote.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CACHE = "__pycache__"
SUFFIX = ".pyc"
# Magic number, flags, then time stamp and size of the source, or its hash: PEP 552.
HEADER = 16
DATED, HASHED = 0, 3
LARGEST = 16 << 20
LOW = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Compiled:
    """One compiled file, relative to the workspace."""

    path: str
    source: str
    """The digest of the file that it was compiled from."""
    content: bytes


def is_bytecode(path: str) -> bool:
    """Whether a path is one that an interpreter may read compiled code from."""
    return path.endswith((SUFFIX, ".pyo")) or CACHE in Path(path).parts


def compiled_below(root: Path, copy: Path) -> Iterator[Compiled]:
    """What was compiled below `root` of files that are those of `copy` itself."""
    for folder, _, names in os.walk(root):
        place = Path(folder)
        if place.name != CACHE:
            continue
        for name in names:
            path = (place / name).relative_to(root)
            source = _source(path, copy)
            content = _content(place / name) if source is not None and name.endswith(SUFFIX) else b""
            if source is not None and content and _is_of(content, root / source, copy / source):
                yield Compiled(path.as_posix(), digest_of(copy / source), content)


def fitted(compiled: Compiled, copy: Path) -> bytes:
    """Its bytes, dated as the file of the copy is; nothing if that has another content."""
    source = _source(Path(compiled.path), copy)
    if source is None or digest_of(copy / source) != compiled.source:
        return b""
    if compiled.content[4:8] != struct.pack("<I", DATED):
        return compiled.content
    stamp = struct.pack("<I", int((copy / source).stat().st_mtime) & LOW)
    return compiled.content[:8] + stamp + compiled.content[12:]


def digest_of(path: Path) -> str:
    """The digest of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def forget(source: Path) -> None:
    """Remove what was compiled of a file that is about to change."""
    if source.suffix == ".py":
        for compiled in (source.parent / CACHE).glob(f"{_literal(source.stem)}.*{SUFFIX}"):
            compiled.unlink()


def _literal(name: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)


def _content(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file() or not HEADER < path.stat().st_size <= LARGEST:
        return b""
    return path.read_bytes()


def _is_of(content: bytes, used: Path, source: Path) -> bool:
    """Whether it was compiled from a file of the copy, as that file is."""
    info = source.stat()
    if not used.is_file() or not os.path.samestat(used.lstat(), info):
        return False
    flags, *stamp = struct.unpack("<3I", content[4:HEADER])
    dated = flags == DATED and stamp == [int(info.st_mtime) & LOW, info.st_size & LOW]
    return dated or flags == HASHED  # whoever reads one of the latter kind compares the hash first


def _source(path: Path, copy: Path) -> Path | None:
    """The file that it was compiled from: the longest name that it begins with and that is there."""
    name = path.name
    while "." in name:
        name = name.rpartition(".")[0]
        source = path.parent.parent / f"{name}.py"
        if (copy / source).is_file():
            return source
    return None
