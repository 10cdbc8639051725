"""Everything a child gives up between fork and the first line of model-written code."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any

from cascade.validators.inside import landlock, namespaces, privileges, seccomp

# More processes than the watch would let be.
WATCHED = 1024
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


@dataclass(frozen=True)
class Policy:
    """What the server's children may do at most; decided once, by the library, when the server starts."""

    readable: tuple[str, ...] = ()
    """Folders and files: programs, interpreter, libraries."""
    landlock: bool = True
    seccomp: bool = True
    uid: int | None = None
    """If the server is root: who its children are, another for each server, so that the limit on processes counts
    one candidate alone."""
    owner: int | None = None
    """Then: to whom workspaces belong; its group is that of the children."""
    search: bool = False
    """Whether they may then read what `readable` names though it is root's alone; Landlock, or bwrap, confines it."""
    spare_processes: int = 0
    """Added to the limit on processes, where the kernel counts all processes of the user."""
    namespaces: str = ""
    """`given` if the server has a network and a shared memory of its own, `make` if it is to take them if it can."""
    private: bool = False
    """Whether it has: then its children may use both."""

    def for_program(self) -> Policy:
        """The policy for a program that is executed: its processes are watched, so that it ends by a word."""
        return replace(self, spare_processes=max(self.spare_processes, WATCHED))

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
        kept = (privileges.DAC_READ_SEARCH,) if policy.search and policy.uid is not None else ()
        if policy.uid is not None:
            privileges.become(policy.uid, policy.owner or policy.uid)
        privileges.keep_capabilities(kept, hand_on=True)
    privileges.die_with_parent()
    landlock.no_new_privileges()
    if policy.landlock:
        readable = (*policy.readable, *grant.readable)
        landlock.restrict(readable, grant.writable, DEVICES, network=policy.private)
    if policy.private:
        namespaces.clear()
    if policy.seccomp:
        closed = gaps() if policy.landlock else seccomp.Gaps(signals=True)
        # Who is nobody else owns only what it made itself: it may change the modes of that.
        seccomp.install(replace(closed, modes=policy.uid is None, network=policy.private))


def with_namespaces(policy: Policy) -> Policy:
    """The policy as it is after the server took namespaces of its own, if it was to."""
    private = policy.namespaces == "given" or (policy.namespaces == "make" and namespaces.make())
    readable = (*policy.readable, namespaces.HOSTS) if private else policy.readable
    return replace(policy, private=private, readable=readable)


def confine_server(policy: Policy, root: str) -> None:
    """The outer ring around the server itself: it may also see processes, and write below `root`."""
    if os.geteuid() == 0:
        privileges.keep_capabilities(_needed_to_serve(policy))
    if policy.landlock:
        writable = (root, namespaces.SHM) if policy.private else (root,)
        landlock.restrict((*policy.readable, "/proc"), writable, DEVICES, network=policy.private)


def _needed_to_serve(policy: Policy) -> tuple[int, ...]:
    """What it takes to kill children, to give them a uid, and to see how much they wrote."""
    kept: tuple[int, ...] = (privileges.KILL, privileges.SETPCAP)
    if policy.uid is not None:
        kept += (privileges.SETUID, privileges.SETGID, privileges.DAC_READ_SEARCH)
    return kept
