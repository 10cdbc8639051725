"""A package as its developers have it: the unpacked source distribution, and an environment with it installed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.repositories.packages import Package


@dataclass(frozen=True, slots=True)
class Checkout:
    """A source tree, and the interpreter of the environment that its tests run in."""

    package: Package
    root: Path
    python: Path

    @property
    def version(self) -> str:
        """As the folder's name says it."""
        return self.root.name.rpartition("-")[2]


def prepare(package: Package, work: Path) -> Checkout:
    """Download, unpack and install, unless it was done before. Raises CalledProcessError, LookupError."""
    home = work / package.name
    done = home / "done"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        root = _unpack(package, home)
        _install(package, root, home / "env")
        done.write_text(root.name)
    return Checkout(package, home / done.read_text(), home / "env" / "bin" / "python")


def _unpack(package: Package, home: Path) -> Path:
    pip = [sys.executable, "-m", "pip"] if _has_pip() else ["pip"]
    download = ["download", "--quiet", "--no-binary", ":all:", "--no-deps", "--dest", str(home), package.name]
    subprocess.run([*pip, *download], check=True, capture_output=True)
    archive = next(iter(home.glob("*.tar.gz")), None)
    if archive is None:
        raise LookupError(f"{package.name} has no source distribution")
    with tarfile.open(archive) as tar:
        tar.extractall(home, filter="data")
    return next(path for path in home.iterdir() if path.is_dir() and path.name != "env")


def _has_pip() -> bool:
    done = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    return done.returncode == 0


def _install(package: Package, root: Path, env: Path) -> None:
    """An editable install, as developers have it; what the tests need; pytest."""
    wanted = ["pytest", *package.needs, "--editable", str(root)]
    python = str(env / "bin" / "python")
    if shutil.which("uv"):
        make = ["uv", "venv", "--quiet", "--python", sys.executable, str(env)]
        install = ["uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *wanted]
    else:
        make = [sys.executable, "-m", "venv", str(env)]
        install = [python, "-m", "pip", "install", "--quiet", *wanted]
    for command in (make, install):
        subprocess.run(command, check=True, capture_output=True)


def fingerprint(root: Path) -> str:
    """Names, content and time stamps of everything below, as one digest."""
    total = hashlib.sha256()
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted((*folders, *names)):
            path = Path(folder) / name
            info = path.lstat()
            total.update(f"{path.relative_to(root)} {info.st_mode} {info.st_mtime_ns}\0".encode())
            if path.is_file() and not path.is_symlink():
                total.update(path.read_bytes())
    return total.hexdigest()
