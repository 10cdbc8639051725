"""Landlock by its three system calls: which files a process and its children may touch, and whom they may signal.

Source: Linux Documentation/userspace-api/landlock.rst and include/uapi/linux/landlock.h.
"""

# ruff: noqa: PTH112
# Paths are plain strings here: pathlib would be loaded into every candidate.
from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
CREATE_VERSION = 1
RULE_PATH_BENEATH = 1
PR_SET_NO_NEW_PRIVS = 38

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_CHAR, MAKE_DIR, MAKE_REG = 1 << 4, 1 << 5, 1 << 6, 1 << 7, 1 << 8
MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = 1 << 9, 1 << 10, 1 << 11, 1 << 12
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
READ = EXECUTE | READ_FILE | READ_DIR
WRITE = (
    READ
    | WRITE_FILE
    | REMOVE_DIR
    | REMOVE_FILE
    | MAKE_DIR
    | MAKE_REG
    | MAKE_FIFO
    | MAKE_SYM
    | REFER
    | TRUNCATE
)
NET_ALL = 0b11
SCOPE_ALL = 0b11
ABI_TRUNCATE, ABI_NET, ABI_SCOPE = 3, 4, 6


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def abi() -> int:
    """The version this kernel speaks; 0 if it has no Landlock, or it is switched off."""
    try:
        version: int = _libc().syscall(CREATE_RULESET, None, ctypes.c_size_t(0), CREATE_VERSION)
    except (AttributeError, OSError):
        return 0
    return max(version, 0)


def handled(version: int) -> int:
    """Every file system right that this version can refuse."""
    bits = {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)
    return int((1 << bits) - 1)


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def no_new_privileges() -> None:
    """Set-user-id programs give nothing from here on."""
    _check(_libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def restrict(
    readable: Iterable[str],
    writable: Iterable[str],
    devices: Iterable[str],
    listable: Iterable[str] = (),
    *,
    network: bool = False,
) -> None:
    """From here on, only these paths, no TCP, no signal to and no abstract socket of processes outside.

    Paths that do not exist are left out. `readable` may be executed too; of `listable` only names are seen. TCP is
    left alone where there is a `network` that leads nowhere.

    Raises:
        OSError: it cannot be done.
    """
    version = abi()
    if not version:
        raise OSError("this kernel has no Landlock")
    libc = _libc()
    rights = handled(version)
    attr = struct.pack("=QQQ", rights, 0 if network else NET_ALL, SCOPE_ALL)
    attr = attr[: 8 if version < ABI_NET else 16 if version < ABI_SCOPE else 24]
    ruleset = _check(libc.syscall(CREATE_RULESET, attr, ctypes.c_size_t(len(attr)), 0), "landlock")
    wanted = [(path, READ) for path in readable] + [(path, WRITE) for path in writable]
    wanted += [(path, READ_DIR) for path in listable]
    wanted += [(path, READ_FILE | WRITE_FILE | TRUNCATE) for path in devices]
    try:
        for path, access in wanted:
            _allow(libc, ruleset, path, access & rights)
        no_new_privileges()
        _check(libc.syscall(RESTRICT_SELF, ruleset, 0), "landlock")
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, access: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(path):
            access &= ON_FILES
        rule = struct.pack("=Qi", access, place)
        _check(libc.syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, rule, 0), f"landlock rule for {path}")
    finally:
        os.close(place)
