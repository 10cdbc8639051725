"""A config that is written into another folder than the one it came from still means the same files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Where a config names files; `*` stands for every name or place there.
_PATHS = (
    ("tiers", "*", "recording"),
    ("tiers", "*", "fallbacks", "*", "recording"),
    ("classifier", "artifact"),
    ("checks", "learn_from"),
    ("budget", "file"),
    ("trace", "path"),
    ("graph", "nodes", "*", "config"),
)


def moved(document: Mapping[str, Any], *, origin: Path, target: Path) -> dict[str, Any]:
    """The document with relative paths as they read from another folder.

    origin, target: folders. Absolute paths, `~` and what begins with a variable stay as they are; so do the options
    of plug-ins, of which nobody here knows which are paths.
    """
    if origin.resolve() == target.resolve():
        return dict(document)
    found: Any = document
    for place in _PATHS:
        found = _at(found, place, origin.resolve(), target.resolve())
    return dict(found)


def _at(value: Any, place: tuple[str, ...], origin: Path, target: Path) -> Any:
    if not place:
        return (
            [_moved(one, origin, target) for one in value]
            if isinstance(value, list)
            else _moved(value, origin, target)
        )
    key, rest = place[0], place[1:]
    if isinstance(value, Mapping):
        return {
            name: _at(one, rest, origin, target) if key in ("*", name) else one for name, one in value.items()
        }
    if isinstance(value, list) and key == "*":
        return [_at(one, rest, origin, target) for one in value]
    return value


def _moved(value: Any, origin: Path, target: Path) -> Any:
    if not isinstance(value, str) or Path(value).is_absolute() or value.startswith(("~", "${")):
        return value
    path = Path(os.path.relpath(origin / value, target)).as_posix()
    return f"{path}/" if value.endswith("/") else path
