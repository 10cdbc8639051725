"""A shared memory and a loopback of the server's own, for multiprocessing and local servers, unseen by others."""

# ruff: noqa: PTH112
# Paths are plain strings here: pathlib would be loaded into every candidate.
from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Callable

SHM = "/dev/shm"  # noqa: S108
HOSTS = "/etc/hosts"  # localhost is in it
NEW_MOUNTS, NEW_IPC, NEW_NETWORK = 0x00020000, 0x08000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 2, 4, 8, 1 << 14, 1 << 18
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def make() -> bool:
    """As root: take them, for this process and its children. False if the kernel, or a container, gives none."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not os.path.isdir(SHM) or libc.unshare(NEW_MOUNTS | NEW_IPC | NEW_NETWORK) != 0:
        return False
    options = MS_NOSUID | MS_NODEV | MS_NOEXEC
    mounted = (
        libc.mount(b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None) == 0
        and libc.mount(b"tmpfs", SHM.encode(), b"tmpfs", ctypes.c_ulong(options), b"mode=1777") == 0
    )
    return mounted and _raise_loopback()


def _raise_loopback() -> bool:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    except OSError:
        return False
    return True


def clear() -> None:
    """Remove what an earlier run of the same user left in the shared memory."""
    for folder, folders, _ in os.walk(SHM):
        for name in folders:
            _ignore(os.chmod, os.path.join(folder, name), 0o700)  # noqa: PTH118
    for folder, folders, files in os.walk(SHM, topdown=False):
        for name in files:
            _ignore(os.unlink, os.path.join(folder, name))  # noqa: PTH118
        for name in folders:
            place = os.path.join(folder, name)  # noqa: PTH118
            _ignore(os.unlink if os.path.islink(place) else os.rmdir, place)  # noqa: PTH114


def _ignore(do: Callable[..., None], *what: object) -> None:
    """Do it, if it can be done."""
    with contextlib.suppress(OSError):
        do(*what)
