"""Which modules the workspace provides, and that these are imported before anything installed."""

# ruff: noqa: PTH100, PTH110, PTH112, PTH113, PTH118, PTH120, PTH208
# Paths are plain strings here: pathlib would be loaded into every candidate. Runs on Python 3.7 and later.
from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any

# What pytest is made of cannot be taken away from under it.
KEPT = frozenset({"pytest", "_pytest", "cascade"})
CONTAINERS = (dict, list)
# Where our own package lies, if it lies anywhere.
HOME = os.path.abspath(os.path.join(os.path.dirname(globals().get("__file__") or ""), *[os.pardir] * 3))


def forget_ourselves() -> None:
    """A candidate may bring modules of our names, and must not find ours."""
    for name in [name for name in sys.modules if name == "cascade" or name.startswith("cascade.")]:
        del sys.modules[name]
    sys.path[:] = [path for path in sys.path if path != HOME and os.path.isdir(path)]


def absolute(root: str, roots: Iterable[str]) -> list[str]:
    """Folders of the workspace that modules are imported from, in order, where they exist."""
    places = [os.path.normpath(os.path.join(root, place)) for place in roots]
    return [place for place in places if os.path.isdir(place)]


def prefer(places: list[str]) -> None:
    """Import from these folders first. What was imported before from elsewhere is imported anew."""
    sys.path[:] = [*places, *(path for path in sys.path if path not in places)]
    _drop(_provided(places) - standard() - KEPT, places)
    os.environ["PYTHONPATH"] = os.pathsep.join(places)  # for what the tests start


def defer(places: list[str]) -> None:
    """Import from these folders last: no plug-in is taken from them that is installed too."""
    sys.path[:] = [*(path for path in sys.path if path not in places), *places]


def redirect(original: str | None, copy: str) -> None:
    """Lead editable installs of the user's folder to the copy: lines of .pth files, and finders on sys.meta_path."""
    if not original:
        return
    sys.path[:] = [_moved(path, original, copy) for path in sys.path]
    for finder in sys.meta_path:
        kind = finder if isinstance(finder, type) else type(finder)
        module = sys.modules.get(kind.__module__)
        if module is None or kind.__module__.split(".")[0] in standard():
            continue
        for holder in (vars(module), vars(kind), getattr(finder, "__dict__", {})):
            for value in list(holder.values()):
                if isinstance(value, CONTAINERS):
                    _rewrite(value, original, copy)


def imported(places: list[str], root: str) -> list[list[str]]:
    """Modules that come from the workspace, or have a name that it provides, each with its file."""
    names = _provided(places)
    found = []
    for name, module in list(sys.modules.items()):
        file = _file(module)
        if file and (name.split(".")[0] in names or file.startswith(root + os.sep)):
            found.append([name, os.path.realpath(file)])
    return found


def _file(module: Any) -> str:
    try:
        file = module.__dict__.get("__file__")
    except AttributeError:
        return ""
    return file if isinstance(file, str) else ""


def _provided(places: list[str]) -> set[str]:
    """Top-level names of modules and packages in these folders."""
    found: set[str] = set()
    for place in places:
        for name in os.listdir(place):
            if name.endswith(".py"):
                found.add(name[:-3])
            elif os.path.isfile(os.path.join(place, name, "__init__.py")):
                found.add(name)
    return found


def _drop(names: set[str], places: list[str]) -> None:
    """Remove modules that were imported from elsewhere, with all that lies below them."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in names:
            file = os.path.realpath(_file(module))
            if not any(file.startswith(place + os.sep) for place in places):
                del sys.modules[name]


def standard() -> set[str]:
    """Names of the standard library; before Python 3.10 those of its files that have been imported."""
    known = getattr(sys, "stdlib_module_names", None)
    if known is not None:
        return set(known)
    folder = os.path.dirname(os.__file__)
    top = {name.split(".")[0]: module for name, module in list(sys.modules.items()) if "." not in name}
    return {name for name, module in top.items() if os.path.dirname(_file(module)) in ("", folder)}


def _moved(path: str, original: str, copy: str) -> str:
    """A path below the user's folder as the same path below the copy, if that exists."""
    if path != original and not path.startswith(original + os.sep):
        return path
    moved = copy + path[len(original) :]
    return moved if os.path.exists(moved) else path


def _rewrite(value: Any, original: str, copy: str) -> None:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    changed: dict[Any, Any] = {}
    for key, one in list(pairs):
        if isinstance(one, str):
            changed[key] = _moved(one, original, copy)
        elif isinstance(one, CONTAINERS):
            _rewrite(one, original, copy)
    for key, one in changed.items():
        value[key] = one
