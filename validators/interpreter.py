"""The interpreter of a project's own environment: what it is, what it has, and where it may be read."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cascade.errors import InputError
from cascade.validators.sandbox.runtime import ENVIRONMENT, outer_places
from cascade.validators.workspace import Workspace

PROBE_S = 30.0
WARM_PYTHON, WARM_PYTEST = (3, 9), (7,)
OLDEST = (3, 7)
# Runs on every Python 3. What it prints last is read, so that what a .pth file prints does no harm.
PROBE = """
import json, os, sys
def version(name):
    try:
        from importlib.util import find_spec
        if find_spec(name) is None:
            return ""
        try:
            from importlib.metadata import version
            return version(name)
        except ImportError:
            return str(__import__(name).__version__)
    except Exception:
        return "0"
paths = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, os.path.dirname(os.__file__)] + sys.path
print("\\n" + json.dumps({
    "executable": sys.executable, "version": list(sys.version_info[:3]), "prefix": sys.prefix,
    "paths": [path for path in paths if path], "pytest": version("pytest"), "mypy": version("mypy"),
}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """One environment, as its own interpreter describes it."""

    executable: str
    """Absolute path, links not resolved: a virtual environment is known by it."""
    version: tuple[int, ...]
    """Of Python."""
    prefix: str
    """The environment's folder."""
    places: tuple[str, ...]
    """All that has to be readable for it to work."""
    pytest: str = ""
    """Version of pytest; empty without."""
    mypy: str = ""
    """Version of mypy; empty without."""

    @property
    def is_warm(self) -> bool:
        """True if a fork server can run in it, with its pytest imported."""
        return self.version >= WARM_PYTHON and numbers(self.pytest) >= WARM_PYTEST

    @property
    def environment(self) -> dict[str, str]:
        """Variables as in an activated environment."""
        return {
            "PATH": f"{Path(self.executable).parent}:{ENVIRONMENT['PATH']}",
            "VIRTUAL_ENV": self.prefix,
        }


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version."""
    found: list[int] = []
    for part in version.split("."):
        if not part.isdigit():
            break
        found.append(int(part))
    return tuple(found)


def of_workspace(workspace: Workspace) -> Interpreter | None:
    """The interpreter of the workspace's project; None if it names none.

    Raises:
        InputError: there is no such interpreter, it does not run, or it is too old.
    """
    python = workspace.project.python
    if python is None:
        return None
    base = workspace.task.workspace or ""
    path = os.path.normpath(Path(base, Path(python).expanduser()).absolute())
    stamp = _stamp(path, python)
    return _probed(path, base and os.path.realpath(base), stamp)


def _stamp(path: str, python: str) -> tuple[int, ...]:
    """What changes when the environment is made anew, or something is installed."""
    try:
        info = [Path(path).stat(), Path(path).parent.parent.stat()]
    except OSError as error:
        raise InputError(
            f"project.python: there is no interpreter {path!r} ({error.strerror})",
            hint=f"make the environment, or correct the path {python!r}: it is relative to the workspace",
        ) from error
    if not os.access(path, os.X_OK) or Path(path).is_dir():
        raise InputError(
            f"project.python: {path!r} is not a program", hint="name the interpreter, as .venv/bin/python"
        )
    sites = [site.stat().st_mtime_ns for site in Path(path).parent.parent.glob("lib/python*/site-packages")]
    return (*(one.st_mtime_ns for one in info), *sites)


@functools.lru_cache(maxsize=64)
def _probed(path: str, workspace: str, stamp: tuple[int, ...]) -> Interpreter:
    del stamp
    try:
        done = subprocess.run(
            [path, "-s", "-c", PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_S,
            env=ENVIRONMENT,
            cwd="/",
            check=False,
        )
        about = json.loads(done.stdout.decode("utf-8", "replace").strip().splitlines()[-1])
        version = tuple(about["version"])
    except (OSError, subprocess.TimeoutExpired, ValueError, LookupError, TypeError) as error:
        raise InputError(
            f"project.python: {path!r} does not run as a Python 3 interpreter ({type(error).__name__})",
            hint=f"try: {path} -c 'import sys; print(sys.version)'",
        ) from error
    if version < OLDEST:
        raise InputError(
            f"project.python: {path!r} is Python {'.'.join(map(str, version))}; 3.7 is the oldest that works",
            hint="make the environment with a newer Python",
        )
    return Interpreter(
        executable=about["executable"] or path,
        version=version,
        prefix=about["prefix"],
        places=_places([*about["paths"], str(Path(path).parent)], about["prefix"], workspace),
        pytest=about["pytest"],
        mypy=about["mypy"],
    )


def _places(paths: list[str], prefix: str, workspace: str) -> tuple[str, ...]:
    """Folders to be read, without those that hold more than the environment: homes, and the workspace itself.

    The workspace's own modules come from its copy, also where an editable install names the folder of the user.
    """
    found = {*paths, *map(os.path.realpath, paths)}
    if workspace and Path(workspace).is_relative_to(os.path.realpath(prefix)):
        found |= {
            str(Path(prefix, name)) for name in ("bin", "lib", "lib64", "include", "share", "pyvenv.cfg")
        }
    kept = {path for path in found if path not in outer_places() and not _holds(path, workspace)}
    kept = {path for path in kept if Path(path).exists() and not _is_source(path, prefix, workspace)}
    return tuple(sorted(path for path in kept if not any(_below(path, other) for other in kept)))


def _holds(path: str, workspace: str) -> bool:
    return bool(workspace) and Path(workspace).is_relative_to(path)


def _is_source(path: str, prefix: str, workspace: str) -> bool:
    """True for a folder of the workspace that is not part of an environment within it."""
    inside = bool(workspace) and Path(os.path.realpath(path)).is_relative_to(workspace)
    return inside and not Path(path).is_relative_to(prefix)


def _below(path: str, other: str) -> bool:
    return path != other and Path(path).is_relative_to(other)
