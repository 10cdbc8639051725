"""A seccomp filter: the system calls that a check never needs, refused.

What it adds to Landlock: no sockets of any kind, no namespaces, no tracing, no escape from the process group (so
that one kill ends all), no change of modes or times of files outside, no memory outside the limits.

Source: Linux Documentation/userspace-api/seccomp_filter.rst.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from cascade.validators.inside.syscalls import NUMBERS

PR_SET_SECCOMP, MODE_FILTER = 22, 2
ALLOW, ERRNO, KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
LOAD, JEQ, JSET, JGE, AND, RET = 0x20, 0x15, 0x45, 0x35, 0x54, 0x06
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16
X32_BIT = 0x40000000
NEW_NAMESPACES = 0x7E020000
STREAM, DATAGRAM, SEQPACKET = 1, 2, 5
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
O_ACCMODE_TRUNC = 0o1003
O_TRUNC = 0o1000
SAME = 0  # errno 0: the call claims success and does nothing

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
REFUSED = (
    "shmget", "semget", "msgget", "ptrace", "syslog",
    "setpgid", "setsid", "personality", "vhangup", "modify_ldt", "pivot_root", "chroot", "acct",
    "mount", "umount2", "swapon", "swapoff", "reboot", "sethostname", "setdomainname", "iopl",
    "ioperm", "init_module", "delete_module", "quotactl", "lookup_dcookie", "mq_open", "kexec_load",
    "add_key", "request_key", "keyctl", "ioprio_set", "inotify_init", "migrate_pages", "unshare",
    "move_pages", "inotify_init1", "perf_event_open", "fanotify_init", "name_to_handle_at",
    "open_by_handle_at", "setns", "process_vm_readv", "process_vm_writev", "kcmp", "finit_module",
    "memfd_create", "kexec_file_load", "bpf", "userfaultfd", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick",
    "pidfd_getfd", "process_madvise", "mount_setattr", "quotactl_fd", "memfd_secret",
    "process_mrelease", "open_tree_attr", "file_setattr", "rt_sigqueueinfo", "rt_tgsigqueueinfo",
    "pidfd_send_signal",
)  # fmt: skip
# Refused where the network is not one of our own.
SOCKETS = ("socket", "connect", "bind", "listen")
INTERNET, INTERNET6 = 2, 10
# Landlock does not cover owners: the calls claim success, so that copying files still works.
CLAIMED = (
    "chown", "fchown", "lchown", "fchownat", "setuid", "setgid", "setreuid", "setregid", "setresuid",
    "setresgid", "setgroups", "setfsuid", "setfsgid",
)  # fmt: skip
# Nor modes and times: so do these, unless the process is a user who owns nothing else.
MODES = (
    "chmod", "fchmod", "fchmodat", "fchmodat2", "utime", "utimes", "futimesat", "utimensat",
)  # fmt: skip
UNSUPPORTED = (
    "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr",
    "setxattrat", "removexattrat",
)  # fmt: skip
ABSENT = ("clone3",)
# Only on oneself (first argument 0).
ONLY_SELF = (
    "prlimit64", "sched_setparam", "sched_setscheduler", "sched_setaffinity", "sched_setattr",
)  # fmt: skip


@dataclass(frozen=True)
class Gaps:
    """What Landlock leaves open here and the filter has to close more coarsely.

    `signals`, `truncation`: this kernel's Landlock does not know them. `modes`: the user owns more than the run made.
    `network`: there is one that leads nowhere else, and may be used.
    """

    signals: bool = False
    truncation: bool = False
    modes: bool = True
    network: bool = False


def supported() -> bool:
    """True if the filter knows this machine's system call numbers."""
    return platform.machine() in ARCHITECTURES and os.sys.platform == "linux"  # type: ignore[attr-defined]


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value & 0xFFFFFFFF)


def _number(name: str) -> int | None:
    return NUMBERS[name][0 if platform.machine() == "x86_64" else 1]


def _when(names: Iterable[str], body: list[bytes]) -> list[bytes]:
    """If the call is one of these, run `body` (which must end in a return); the accumulator holds the number."""
    program: list[bytes] = []
    for name in names:
        number = _number(name)
        if number is not None:
            program += [_op(JEQ, number, 0, len(body)), *body]
    return program


def _fail(number: int) -> bytes:
    return _op(RET, ERRNO | number)


def _argument(index: int) -> bytes:
    """Load the low half of an argument (both architectures are little-endian)."""
    return _op(LOAD, ARGUMENTS + 8 * index)


def program(gaps: Gaps) -> bytes:
    """The filter as BPF instructions."""
    no, yes = _fail(errno.EPERM), _op(RET, ALLOW)
    code = [
        _op(LOAD, ARCHITECTURE),
        _op(JEQ, ARCHITECTURES[platform.machine()], 1, 0),
        _op(RET, KILL_PROCESS),
        _op(LOAD, NUMBER),
    ]
    if platform.machine() == "x86_64":
        code += [_op(JGE, X32_BIT, 0, 1), no]
    claimed = (*CLAIMED, *(MODES if gaps.modes else ()))
    code += _when(REFUSED, [no]) + _when(claimed, [_fail(SAME)]) + _when(UNSUPPORTED, [_fail(errno.ENOTSUP)])
    code += _when(ABSENT, [_fail(errno.ENOSYS)])
    code += _when(["clone"], [_argument(0), _op(JSET, NEW_NAMESPACES, 0, 1), no, yes])
    code += _when(ONLY_SELF, [_argument(0), _op(JEQ, 0, 1, 0), no, yes])
    own = [_argument(0), _op(JEQ, 0, 0, 2), _argument(1), _op(JEQ, 0, 1, 0), no, yes]
    code += _when(["setpriority"], own)
    # An unconnected datagram pair could be pointed at any socket's path.
    pair = [_argument(1), _op(AND, 0xF), _op(JEQ, STREAM, 2, 0), _op(JEQ, SEQPACKET, 1, 0), no, yes]
    code += _when(["socketpair"], pair)
    if gaps.network:
        code += _when(["socket"], _internet(no, yes))
    else:
        code += _when(SOCKETS, [no]) + _when(["sendto"], [_argument(4), _op(JEQ, 0, 1, 0), no, yes])
    code += _when(["ioctl"], [_argument(1), _op(JEQ, TIOCSTI, 1, 0), _op(JEQ, TIOCLINUX, 0, 1), no, yes])
    return b"".join([*code, *_closing(gaps), yes])


def _internet(no: bytes, yes: bytes) -> list[bytes]:
    """Streams and datagrams over IP: no other family, and nothing raw."""
    family = [_argument(0), _op(JEQ, INTERNET, 2, 0), _op(JEQ, INTERNET6, 1, 0), no]
    return [*family, _argument(1), _op(AND, 0xF), _op(JEQ, STREAM, 2, 0), _op(JEQ, DATAGRAM, 1, 0), no, yes]


def _closing(gaps: Gaps) -> list[bytes]:
    no, yes = _fail(errno.EPERM), _op(RET, ALLOW)
    code: list[bytes] = []
    if gaps.truncation:
        code += _when(["truncate", "creat"], [no]) + _when(["openat2"], [_fail(errno.ENOSYS)])
        for name, index in (("open", 1), ("openat", 2)):
            # Truncating through a descriptor opened for reading.
            body = [_argument(index), _op(AND, O_ACCMODE_TRUNC), _op(JEQ, O_TRUNC, 0, 1), no, yes]
            code += _when([name], body)
    if gaps.signals:
        own = os.getpid()
        code += _when(["kill"], [_argument(0), _op(JEQ, 0, 2, 0), _op(JEQ, own, 1, 0), no, yes])
        code += _when(["tgkill"], [_argument(0), _op(JEQ, own, 1, 0), no, yes]) + _when(["tkill"], [no])
    return code


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def install(gaps: Gaps) -> None:
    """Apply the filter to this process and all that it starts. Needs no_new_privs. Raises OSError."""
    code = program(gaps)
    buffer = ctypes.create_string_buffer(code, len(code))
    prog = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.byref(prog), 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")
