"""Baselines on disk, shared by runs: one file each, readable by their user alone."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

import orjson
from pydantic import ValidationError

from cascade.codec import from_json, to_json
from cascade.errors import StorageError
from cascade.storage import write_atomic
from cascade.validators.baseline.values import Observed

KEPT = 400


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
            if not _is_private(self._folder):
                return None
            return from_json(Observed, orjson.loads((self._folder / f"{key}.json").read_bytes()))
        except (OSError, ValueError, ValidationError):
            return None

    def write(self, key: str, observed: Observed) -> None:
        """Keep it, if that can be done; the oldest ones go."""
        with contextlib.suppress(OSError, StorageError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_private(self._folder):
                return
            place = self._folder / f"{key}.json"
            write_atomic(place, orjson.dumps(to_json(observed)), what="baseline")
            place.chmod(0o600)
            self._prune()

    def _prune(self) -> None:
        files = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
        for old in files[:-KEPT]:
            old.unlink(missing_ok=True)


def _is_private(folder: Path) -> bool:
    """True if nobody else could have written there: what is read decides on verdicts."""
    info = folder.lstat()
    return (
        stat.S_ISDIR(info.st_mode)
        and info.st_uid == os.geteuid()
        and not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )
