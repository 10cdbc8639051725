"""Limits and privileges of one process, given up for good."""

from __future__ import annotations

import ctypes
import os
import resource
import struct

PR_SET_DUMPABLE, PR_SET_PDEATHSIG, PR_CAPBSET_DROP = 4, 1, 24
PR_SET_SECUREBITS, PR_SET_CHILD_SUBREAPER, PR_CAP_AMBIENT, CLEAR_ALL = 28, 36, 47, 4
AMBIENT_RAISE = 2
# NOROOT and NO_SETUID_FIXUP, both locked, and KEEP_CAPS locked off: uid 0 means nothing from here on.
SECUREBITS = 0b101111
CAPABILITY_VERSION_3 = 0x20080522
LAST_CAPABILITY = 63
DAC_READ_SEARCH, KILL, SETGID, SETUID, SETPCAP = 2, 5, 6, 7, 8
MB = 1 << 20


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """SIGKILL when the parent ends."""
    _libc().prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)


def adopt_orphans() -> None:
    """Descendants whose parent ends become this process's children, so that none escapes being reaped."""
    _libc().prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def set_limits(limits: dict[str, int | None]) -> None:
    """Apply rlimits by name (`cpu_s`, `address_space_mb`, ...); what is None or absent stays."""
    units = {
        "cpu_s": (resource.RLIMIT_CPU, 1),
        "address_space_mb": (resource.RLIMIT_AS, MB),
        "file_mb": (resource.RLIMIT_FSIZE, MB),
        "open_files": (resource.RLIMIT_NOFILE, 1),
        "processes": (resource.RLIMIT_NPROC, 1),
    }
    for name, (kind, unit) in units.items():
        value = limits.get(name)
        if value is not None:
            _lower(kind, value * unit)
    _lower(resource.RLIMIT_CORE, 0)


def _lower(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    # The CPU limit's signal may be caught; the hard limit one second later may not.
    ceiling = value + 1 if kind == resource.RLIMIT_CPU and hard == resource.RLIM_INFINITY else value
    resource.setrlimit(kind, (value, ceiling))


def become(uid: int, group: int) -> None:
    """As root: be another user, in every respect, of this group.

    Real and effective uid are one: the real one is what processes are counted by and what access(2) asks for.
    """
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(uid, uid, uid)


def keep_capabilities(kept: tuple[int, ...] = (), *, hand_on: bool = False) -> None:
    """Give up every capability but these; programs started later have them too if we `hand_on`.

    Does nothing for a plain user.

    Raises:
        OSError: capabilities are left that could not be given up.
    """
    libc = _libc()
    mask = sum(1 << number for number in kept)
    for number in range(LAST_CAPABILITY + 1):
        if not mask >> number & 1:
            libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
    libc.prctl(PR_CAP_AMBIENT, CLEAR_ALL, 0, 0, 0)
    libc.prctl(PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0)
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    passed = mask if hand_on else 0
    data = struct.pack("=6I", low, low, passed & 0xFFFFFFFF, high, high, passed >> 32)
    if libc.capset(header, data) != 0:
        held = effective()
        if held & ~mask:
            number = ctypes.get_errno()
            raise OSError(number, f"capabilities: {os.strerror(number)}")
    for number in kept if hand_on else ():
        libc.prctl(PR_CAP_AMBIENT, AMBIENT_RAISE, number, 0, 0)


def effective() -> int:
    """The capabilities in force, as a bit mask."""
    header = ctypes.create_string_buffer(struct.pack("=Ii", CAPABILITY_VERSION_3, 0), 8)
    data = ctypes.create_string_buffer(24)
    if _libc().capget(header, data) != 0:
        return 0
    low, _, _, high, _, _ = struct.unpack("=6I", data.raw)
    return int(low | high << 32)
