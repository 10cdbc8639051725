"""Baselines on disk, shared by runs: one file each, readable by their user alone."""

from __future__ import annotations

import base64
import contextlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import orjson
from pydantic import ValidationError

from cascade.codec import from_json, to_json
from cascade.errors import StorageError
from cascade.storage import write_atomic
from cascade.validators.baseline.values import Observed
from cascade.validators.bytecode import Compiled

KEPT = 400
# Compiled files are larger: so many sets of them, each up to so many bytes.
KEPT_COMPILED, LARGEST = 20, 32 << 20


def default_folder() -> Path:
    """The user's cache folder for baselines (XDG base directory specification)."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    home = Path(cache) if cache.startswith("/") else Path.home() / ".cache"
    return home / "cascade" / "baselines"


class Store:
    """Keeps what was observed by key. A folder that is not ours alone is not used, and a broken file is no error."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or default_folder()

    def read(self, key: str) -> Observed | None:
        """What was kept, or None."""
        try:
            found = self._bytes(f"{key}.json")
            return None if found is None else from_json(Observed, orjson.loads(found))
        except (OSError, ValueError, ValidationError):
            return None

    def write(self, key: str, observed: Observed) -> None:
        """Keep it, if that can be done; the oldest ones go."""
        self._keep(f"{key}.json", orjson.dumps(to_json(observed)), most=KEPT)

    def read_compiled(self, key: str) -> tuple[Compiled, ...]:
        """What the run that was observed compiled; nothing if it was not kept."""
        try:
            rows = orjson.loads(self._bytes(f"{key}.pyc") or b"[]")
            return tuple(Compiled(path, source, base64.b64decode(content)) for path, source, content in rows)
        except (OSError, ValueError, TypeError):
            return ()

    def write_compiled(self, key: str, compiled: Sequence[Compiled]) -> None:
        """Keep what a run without an answer compiled, beside what was observed."""
        if compiled and sum(len(one.content) for one in compiled) <= LARGEST:
            rows = [(one.path, one.source, base64.b64encode(one.content).decode()) for one in compiled]
            self._keep(f"{key}.pyc", orjson.dumps(rows), most=KEPT_COMPILED)

    def _bytes(self, name: str) -> bytes | None:
        return (self._folder / name).read_bytes() if _is_private(self._folder) else None

    def _keep(self, name: str, content: bytes, *, most: int) -> None:
        """Write one file, if that can be done; of those of its kind the oldest go."""
        with contextlib.suppress(OSError, StorageError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_private(self._folder):
                return
            place = self._folder / name
            write_atomic(place, content, what="baseline")
            place.chmod(0o600)
            files = sorted(self._folder.glob(f"*{place.suffix}"), key=lambda path: path.stat().st_mtime)
            for old in files[:-most]:
                old.unlink(missing_ok=True)


def _is_private(folder: Path) -> bool:
    """True if nobody else could have written there: what is read decides on verdicts."""
    info = folder.lstat()
    return (
        stat.S_ISDIR(info.st_mode)
        and info.st_uid == os.geteuid()
        and not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )
