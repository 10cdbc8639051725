"""Everything a child gives up between fork and the first line of model-written code."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any

from cascade.validators.inside import landlock, privileges, seccomp

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


@dataclass(frozen=True)
class Policy:
    """What the server's children may do at most; decided once, by the library, when the server starts.

    `readable` are directories and files (programs, interpreter, libraries). If the server is root, its
    children take `uid` as real uid, one for each server, so that the limit on processes counts one candidate
    alone; and `owner`, to whom the workspaces belong, as effective uid. Where the interpreter is readable by root
    alone, `owner` is None and the effective uid stays 0, without capabilities. `spare_processes` is added to the
    limit on processes, where the kernel counts all processes of the user.
    """

    readable: tuple[str, ...] = ()
    landlock: bool = True
    seccomp: bool = True
    uid: int | None = None
    owner: int | None = None
    spare_processes: int = 0

    def for_program(self) -> Policy:
        """The policy for a program that is executed: no uid by half.

        Where real and effective uid differ, the loader distrusts the environment and relative library paths,
        and many programs do not start. Their number of processes is then only watched, not limited.
        """
        return replace(self, uid=self.owner)

    @classmethod
    def of(cls, data: dict[str, Any]) -> Policy:
        """From the start message."""
        return cls(**{**data, "readable": tuple(data["readable"])})


@dataclass(frozen=True)
class Grant:
    """What one run may do: the folders it may write, more that it may read, its limits."""

    writable: tuple[str, ...] = ()
    readable: tuple[str, ...] = ()
    limits: dict[str, int | None] = field(default_factory=dict)


def gaps() -> seccomp.Gaps:
    """What the filter has to make up for on this kernel."""
    version = landlock.abi()
    return seccomp.Gaps(signals=version < landlock.ABI_SCOPE, truncation=version < landlock.ABI_TRUNCATE)


def confine_child(policy: Policy, grant: Grant) -> None:
    """Take the grant and give up the rest, for good. Raises OSError if any part of it fails."""
    limits = dict(grant.limits)
    if limits.get("processes") is not None:
        limits["processes"] = int(limits["processes"] or 0) + policy.spare_processes
    privileges.set_limits(limits)
    if os.geteuid() == 0:
        if policy.uid is not None:
            privileges.become(policy.uid, policy.owner)
        privileges.keep_capabilities()
    privileges.die_with_parent()
    landlock.no_new_privileges()
    if policy.landlock:
        landlock.restrict((*policy.readable, *grant.readable), grant.writable, DEVICES)
    if policy.seccomp:
        seccomp.install(gaps() if policy.landlock else seccomp.Gaps(signals=True))


def confine_server(policy: Policy, root: str) -> None:
    """The outer ring around the server itself: it may also see processes, and write below `root`."""
    if os.geteuid() == 0:
        privileges.keep_capabilities(_needed_to_serve(policy))
    if policy.landlock:
        landlock.restrict((*policy.readable, "/proc"), (root,), DEVICES)


def _needed_to_serve(policy: Policy) -> tuple[int, ...]:
    """What it takes to kill children, to give them a uid, and to see how much they wrote."""
    kept: tuple[int, ...] = (privileges.KILL, privileges.SETPCAP)
    if policy.uid is not None:
        kept += (privileges.SETUID, privileges.SETGID)
    return (*kept, privileges.DAC_READ_SEARCH) if policy.owner is not None else kept
