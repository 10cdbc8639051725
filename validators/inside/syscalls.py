"""System call numbers, from Linux' asm/unistd_64.h (x86_64) and asm-generic/unistd.h (aarch64)."""

from __future__ import annotations

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
