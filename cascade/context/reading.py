"""Reading a workspace's files without ever leaving it, whoever swaps a folder for a link meanwhile."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cascade.context.base import Shown

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read(root: Path, path: str, *, most_bytes: int) -> Shown | str:
    """The file as it is; or why it cannot be shown, in words."""
    try:
        raw = _bytes(root, path, most_bytes)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if len(raw) > most_bytes:
        return "it grew while it was read"
    if b"\0" in raw:
        return "binary"
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return "not UTF-8 text"
    return Shown(path=path, text=text, sha256=hashlib.sha256(raw).hexdigest())


def _bytes(root: Path, path: str, most: int) -> bytes:
    *folders, name = path.split("/")
    here = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            inner = os.open(folder, _FOLDER, dir_fd=here)
            os.close(here)
            here = inner
        with os.fdopen(os.open(name, _FILE, dir_fd=here), "rb") as file:
            return file.read(most + 1)
    finally:
        os.close(here)
