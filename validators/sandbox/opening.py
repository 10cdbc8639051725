"""Choosing the layers: the strongest that work, each believed only after a probe."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import secrets
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeAlias

from cascade.errors import SandboxError
from cascade.validators.inside import landlock, seccomp
from cascade.validators.sandbox.backends import (
    IMAGE,
    Backend,
    Bubblewrap,
    Container,
    find_bwrap,
    find_container,
)
from cascade.validators.sandbox.limits import Limits, Room
from cascade.validators.sandbox.runtime import readable, user_processes, world_readable
from cascade.validators.sandbox.sandbox import LAUNCHER, PREFIX, Sandbox, uids_of_this_process

Use: TypeAlias = Literal["auto", "landlock", "bwrap", "container", "none"]
# Where the kernel counts all of the user's processes, the limit is only there to stop the worst; the server
# watches each run's own number.
SPARE_PROCESSES = 1024


def open_sandbox(use: Use = "auto", *, limits: Limits | None = None, image: str | None = None) -> Sandbox:
    """The sandbox asked for, or with `auto` the strongest that works here: bwrap and Landlock, either, none.

    Each candidate is probed: a program inside tries to read, write, see and reach what it must not. With `auto`
    and nothing that holds, the result isolates nothing and refuses to execute model-written code
    (`Sandbox.problem` says why); static checks still run in it. `none` executes without isolation.

    Raises:
        SandboxError: what was named does not hold here.
    """
    limits = limits or Limits()
    remove_stale()
    if use == "none":
        return _bare(limits, problem="sandbox: {use: none}", trusted=True)
    problems: list[str] = []
    for attempt in _candidates(use, image):
        try:
            return _probed(attempt, limits)
        except SandboxError as error:
            problems.append(error.message)
    problem = "; ".join(problems) or "no layer is available"
    if use != "auto":
        raise SandboxError(
            f"the sandbox {use!r} does not hold here: {problem}", hint="see `cascade doctor`, or use `auto`"
        )
    return _bare(limits, problem=problem, trusted=False)


def remove_stale() -> None:
    """Remove what sandboxes of processes left that were killed; their servers ended with them."""
    for place in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = place.name.removeprefix(PREFIX).partition("-")[0]
        try:
            mine = place.stat().st_uid == os.geteuid() and owner.isdigit()
            if mine and not Path(f"/proc/{owner}").exists() and Path("/proc/self").exists():
                shutil.rmtree(place, ignore_errors=True)
        except OSError:
            continue


def _bare(limits: Limits, *, problem: str, trusted: bool) -> Sandbox:
    # Not even the process group can be trusted to hold without the filter, but static tools do not flee.
    return Sandbox(
        Backend(),
        {**_policy(), "landlock": False, "seccomp": False, "uid": None, "owner": None},
        limits=limits,
        problem=problem,
        trusted=trusted,
    )


Attempt: TypeAlias = Callable[[], tuple[Backend, dict[str, Any]]]


def _candidates(use: Use, image: str | None) -> list[Attempt]:
    if use == "auto":
        return [_bwrap, _landlock] if find_bwrap() else [_landlock]
    if use == "container":
        return [lambda: _container(image)]
    return [_bwrap if use == "bwrap" else _landlock]


def _landlock() -> tuple[Backend, dict[str, Any]]:
    if not seccomp.supported():
        raise SandboxError(f"no system call filter for {platform.system()} on {platform.machine()}")
    version = landlock.abi()
    if not version:
        raise SandboxError("this kernel has no Landlock (Linux 5.13 or later, and enabled)")
    policy = _policy()
    namespaces = "make" if policy["uid"] is not None else ""
    return Backend(layers=(*_inner_layers(policy),)), {**policy, "namespaces": namespaces}


def _bwrap() -> tuple[Backend, dict[str, Any]]:
    wrapper = find_bwrap()
    if wrapper is None:
        raise SandboxError("bubblewrap (bwrap) is not installed")
    policy = _policy()
    layers = ("bwrap", *_inner_layers(policy))
    backend = Bubblewrap(wrapper=wrapper, one_shot=not policy["landlock"], layers=layers)
    return backend, {**policy, "namespaces": "given"}


def _container(image: str | None) -> tuple[Backend, dict[str, Any]]:
    wrapper = find_container()
    if wrapper is None:
        raise SandboxError("neither podman nor docker is installed")
    policy = _policy()
    layers = (f"container:{Path(wrapper).name}", *_inner_layers(policy))
    backend = Container(wrapper=wrapper, one_shot=not policy["landlock"], layers=layers, image=image or IMAGE)
    # All capabilities are dropped outside already, so that there is no uid to be taken.
    return backend, {**policy, "uid": None, "owner": None}


def _inner_layers(policy: dict[str, Any]) -> list[str]:
    layers = [f"landlock:{landlock.abi()}"] if policy["landlock"] else []
    layers += ["seccomp"] if policy["seccomp"] else []
    if os.geteuid() == 0:
        layers += ["uid" if policy["uid"] is not None else "capabilities"]
    return layers


def _policy() -> dict[str, Any]:
    """What children give up by themselves, as far as this kernel can."""
    paths = readable()
    inner = seccomp.supported()
    root = os.name == "posix" and os.geteuid() == 0
    apart = root and inner
    wanted = {"uid": apart or None, "owner": apart or None}
    return {
        "readable": paths,
        "landlock": landlock.abi() > 0,
        "seccomp": inner,
        **uids_of_this_process(wanted),
        "search": not world_readable((*paths, tempfile.gettempdir())),
        "spare_processes": 0 if root else user_processes() + SPARE_PROCESSES,
    }


def _probed(attempt: Attempt, limits: Limits) -> Sandbox:
    backend, policy = attempt()
    sandbox = Sandbox(backend, policy, limits=limits)
    try:
        broken = _in_thread(lambda: _probe(sandbox, no_sockets=bool(policy["seccomp"])))
    except BaseException:
        sandbox.close()
        raise
    if broken:
        sandbox.close()
        raise SandboxError(f"{'+'.join(backend.layers)} did not stop: {', '.join(broken)}")
    return sandbox


async def _probe(sandbox: Sandbox, *, no_sockets: bool) -> list[str]:
    """Which of the plain ways out worked inside."""
    with (
        tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-") as outside,
        socket.socket() as listener,
    ):
        secret = _bait(Path(outside))
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        payload = {
            "secret_file": str(secret),
            "outside": outside,
            "secret": next(iter(_secret_of_environment()), "\0"),
            "pid": os.getpid(),
            "port": listener.getsockname()[1],
            "no_sockets": no_sockets,
        }
        place = sandbox.root / f"probe-{secrets.token_hex(4)}"
        place.mkdir()
        room = Room(cwd=place, writable=(place,), limits=Limits(wall_s=20.0))
        done = await sandbox.job(LAUNCHER, "probe", payload, room)
    if done.returncode != 0 or done.ended != "exit":
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise SandboxError(
            f"the probe did not run ({done.ended} {done.returncode}): {said[-1] if said else ''}"
        )
    found = json.loads(done.report)
    return [str(name) for name in found]


def _bait(outside: Path) -> Path:
    """A file to be read; open to everyone, so that it is the sandbox that refuses, and not its permissions."""
    secret = outside / "secret"
    secret.write_text(secrets.token_hex())
    outside.chmod(0o777)
    secret.chmod(0o666)
    return secret


def _secret_of_environment() -> list[str]:
    """A value of our environment that is not in the fixed one, to look for inside."""
    return [value for name, value in os.environ.items() if len(value) > 8 and name not in {"LC_ALL", "PATH"}][
        :1
    ]


def _in_thread(work: Callable[[], Any]) -> Any:
    """Run a coroutine to its end whether or not a loop is running here."""
    results: list[Any] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            results.append(asyncio.run(work()))
        except BaseException as error:  # noqa: BLE001  (carried over to the caller's thread)
            errors.append(error)

    thread = threading.Thread(target=body, name="cascade-sandbox-probe")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
