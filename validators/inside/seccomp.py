"""A seccomp filter: the system calls that a check never needs, refused.

What it adds to Landlock: no sockets of any kind, no namespaces, no tracing, no escape from the process group (so
that one kill ends all), no change of modes or times of files outside, no memory outside the limits.

Source: Linux Documentation/userspace-api/seccomp_filter.rst; numbers from asm/unistd_64.h and asm-generic/unistd.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable
from dataclasses import dataclass

PR_SET_SECCOMP, MODE_FILTER = 22, 2
ALLOW, ERRNO, KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
LOAD, JEQ, JSET, JGE, AND, RET = 0x20, 0x15, 0x45, 0x35, 0x54, 0x06
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16
X32_BIT = 0x40000000
NEW_NAMESPACES = 0x7E020000
STREAM, SEQPACKET = 1, 5
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
O_ACCMODE_TRUNC = 0o1003
O_TRUNC = 0o1000
SAME = 0  # errno 0: the call claims success and does nothing

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# name: (x86_64, aarch64); None where an architecture has no such call.
NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "open": (2, None), "ioctl": (16, 29), "shmget": (29, 194), "socket": (41, 198), "connect": (42, 203),
    "sendto": (44, 206), "bind": (49, 200), "listen": (50, 201), "socketpair": (53, 199), "clone": (56, 220),
    "kill": (62, 129), "semget": (64, 190), "msgget": (68, 186), "truncate": (76, 45), "creat": (85, None),
    "chmod": (90, None), "fchmod": (91, 52), "chown": (92, None), "fchown": (93, 55), "lchown": (94, None),
    "ptrace": (101, 117), "syslog": (103, 116), "setuid": (105, 146), "setgid": (106, 144),
    "setpgid": (109, 154), "setsid": (112, 157), "setreuid": (113, 145), "setregid": (114, 143),
    "setgroups": (116, 159), "setresuid": (117, 147), "setresgid": (119, 149), "setfsuid": (122, 151),
    "setfsgid": (123, 152), "rt_sigqueueinfo": (129, 138), "utime": (132, None), "personality": (135, 92),
    "setpriority": (141, 140), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
    "vhangup": (153, 58), "modify_ldt": (154, None), "pivot_root": (155, 41), "chroot": (161, 51),
    "acct": (163, 89), "mount": (165, 40), "umount2": (166, 39), "swapon": (167, 224), "swapoff": (168, 225),
    "reboot": (169, 142), "sethostname": (170, 161), "setdomainname": (171, 162), "iopl": (172, None),
    "ioperm": (173, None), "init_module": (175, 105), "delete_module": (176, 106), "quotactl": (179, 60),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14),
    "lremovexattr": (198, 15), "fremovexattr": (199, 16), "tkill": (200, 130), "sched_setaffinity": (203, 122),
    "lookup_dcookie": (212, 18), "tgkill": (234, 131), "utimes": (235, None), "mq_open": (240, 180),
    "kexec_load": (246, 104), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "ioprio_set": (251, 30), "inotify_init": (253, None), "migrate_pages": (256, 238),
    "openat": (257, 56), "fchownat": (260, 54), "futimesat": (261, None), "fchmodat": (268, 53),
    "unshare": (272, 97), "move_pages": (279, 239), "utimensat": (280, 88), "inotify_init1": (294, 26),
    "rt_tgsigqueueinfo": (297, 240), "perf_event_open": (298, 241), "fanotify_init": (300, 262),
    "prlimit64": (302, 261), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "setns": (308, 268), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "finit_module": (313, 273), "sched_setattr": (314, 274), "memfd_create": (319, 279),
    "kexec_file_load": (320, 294), "bpf": (321, 280), "userfaultfd": (323, 282),
    "pidfd_send_signal": (424, 424), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "clone3": (435, 435),
    "openat2": (437, 437), "pidfd_getfd": (438, 438), "process_madvise": (440, 440),
    "mount_setattr": (442, 442), "quotactl_fd": (443, 443), "memfd_secret": (447, 447),
    "process_mrelease": (448, 448), "fchmodat2": (452, 452), "setxattrat": (463, 463),
    "removexattrat": (466, 466), "open_tree_attr": (467, 467), "file_setattr": (469, 469),
}  # fmt: skip

REFUSED = (
    "shmget socket connect bind listen semget msgget ptrace syslog setpgid setsid personality vhangup modify_ldt "
    "pivot_root chroot acct mount umount2 swapon swapoff reboot sethostname setdomainname iopl ioperm init_module "
    "delete_module quotactl lookup_dcookie mq_open kexec_load add_key request_key keyctl ioprio_set inotify_init "
    "migrate_pages unshare move_pages inotify_init1 perf_event_open fanotify_init name_to_handle_at "
    "open_by_handle_at setns process_vm_readv process_vm_writev kcmp finit_module memfd_create kexec_file_load bpf "
    "userfaultfd io_uring_setup io_uring_enter io_uring_register open_tree move_mount fsopen fsconfig fsmount fspick "
    "pidfd_getfd process_madvise mount_setattr quotactl_fd memfd_secret process_mrelease open_tree_attr "
    "file_setattr rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal"
).split()
# Landlock does not cover modes, owners and times: the calls claim success, so that copying files still works.
CLAIMED = (
    "chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes futimesat utimensat setuid setgid "
    "setreuid setregid setresuid setresgid setgroups setfsuid setfsgid"
).split()
UNSUPPORTED = (
    "setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr setxattrat removexattrat".split()
)
ABSENT = "clone3".split()
# Only on oneself (first argument 0).
ONLY_SELF = "prlimit64 sched_setparam sched_setscheduler sched_setaffinity sched_setattr".split()


@dataclass(frozen=True, slots=True)
class Gaps:
    """What this kernel's Landlock leaves open and the filter has to close more coarsely."""

    signals: bool = False
    truncation: bool = False


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
    code += _when(REFUSED, [no]) + _when(CLAIMED, [_fail(SAME)]) + _when(UNSUPPORTED, [_fail(errno.ENOTSUP)])
    code += _when(ABSENT, [_fail(errno.ENOSYS)])
    code += _when(["clone"], [_argument(0), _op(JSET, NEW_NAMESPACES, 0, 1), no, yes])
    code += _when(ONLY_SELF, [_argument(0), _op(JEQ, 0, 1, 0), no, yes])
    own = [_argument(0), _op(JEQ, 0, 0, 2), _argument(1), _op(JEQ, 0, 1, 0), no, yes]
    code += _when(["setpriority"], own)
    # An unconnected datagram pair could be pointed at any socket's path.
    pair = [_argument(1), _op(AND, 0xF), _op(JEQ, STREAM, 2, 0), _op(JEQ, SEQPACKET, 1, 0), no, yes]
    code += _when(["socketpair"], pair)
    code += _when(["sendto"], [_argument(4), _op(JEQ, 0, 1, 0), no, yes])
    code += _when(["ioctl"], [_argument(1), _op(JEQ, TIOCSTI, 1, 0), _op(JEQ, TIOCLINUX, 0, 1), no, yes])
    code += _closing(gaps) + [yes]
    return b"".join(code)


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
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]  # noqa: RUF012  (ctypes' own form)


def install(gaps: Gaps) -> None:
    """Apply the filter to this process and all that it starts. Needs no_new_privs. Raises OSError."""
    code = program(gaps)
    buffer = ctypes.create_string_buffer(code, len(code))
    prog = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.byref(prog), 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")
