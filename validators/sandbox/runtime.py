"""What a check has to be able to read: system libraries, the interpreter, installed packages."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from pathlib import Path

SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/ssl/openssl.cnf",
    "/sys/devices/system/cpu",
    "/nix/store",
)
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONIOENCODING": "utf-8",
    "USER": "sandbox",
    "LOGNAME": "sandbox",
    "NO_COLOR": "1",
}


def interpreter_paths() -> tuple[str, ...]:
    """Where this interpreter, its standard library and its installed packages are, links resolved too."""
    found = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, *site.getsitepackages()}
    found |= {
        path for key in ("stdlib", "platstdlib", "purelib", "platlib") if (path := sysconfig.get_path(key))
    }
    found |= {os.path.realpath(path) for path in found}
    outer = outer_places()
    return tuple(sorted(path for path in found if path not in outer and not _covered(path, found)))


def outer_places() -> frozenset[str]:
    """Folders that hold more than any interpreter."""
    return frozenset({"/", "/home", "/root", "/tmp", str(Path.home())})  # noqa: S108


def readable(extra: tuple[str, ...] = ()) -> tuple[str, ...]:
    """All that a run may read, apart from its own folders."""
    return (*SYSTEM, *(path for path in interpreter_paths() if not _covered(path, set(SYSTEM))), *extra)


def _covered(path: str, places: set[str]) -> bool:
    return any(path != place and Path(path).is_relative_to(place) for place in places)


def world_readable(paths: tuple[str, ...]) -> bool:
    """True if an unprivileged user can reach and read these places."""
    for path in paths:
        here = Path(os.path.realpath(path))
        if not here.exists():
            continue
        needed = 0o005 if here.is_dir() else 0o004
        closed = any(not place.stat().st_mode & 0o001 for place in here.parents)
        if closed or here.stat().st_mode & needed != needed:
            return False
    return True


def user_processes() -> int:
    """Threads of this user right now: the kernel counts them all against the limit on processes."""
    own, count = os.getuid(), 0
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and process.stat().st_uid == own:
                count += len(os.listdir(process / "task"))  # noqa: PTH208  (only the number matters)
        except OSError:
            continue
    return count
