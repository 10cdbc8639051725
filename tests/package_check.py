"""Build wheel and sdist; install the wheel into a clean environment beside PyPI's `validators`; try both.

Run by `make package`. The two packages must not shadow each other (see ARCHITECTURE.md, Layout). It prints how many
packages a plain installation brings, and their size.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).parent.parent
SMOKE = """
import importlib.util, validators
assert validators.url("https://example.org") is True, "PyPI's validators is shadowed"
assert importlib.util.find_spec("classifiers") is None, "classifiers leaked to the top level"
import cascade.validators.suite, cascade.classifiers.linear
from cascade import Cascade, Task
print("imports ok from", cascade.__file__)
"""


def run(*argv: str | Path, cwd: Path) -> None:
    """Run a command away from the checkout, showing it; stop at the first that fails."""
    print("+", *argv, flush=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([str(word) for word in argv], cwd=cwd, check=True, env=environment)


def brought(environment: Path) -> str:
    """How many packages an installation brought, this one and pip not counted, and how many megabytes they take."""
    (packages,) = environment.glob("lib/python*/site-packages")
    names = {found.name for found in distributions(path=[str(packages)])} - {"pip", "cascade-router"}
    size = sum(path.lstat().st_size for path in packages.rglob("*") if path.is_file())
    size -= sum(path.lstat().st_size for path in packages.glob("pip*/**/*") if path.is_file())
    return f"brought: {len(names)} packages, {size / 1e6:.0f} MB"


def pins() -> str:
    """The versions of the lock file, as constraints."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    # The marker stays: some packages are pinned once for each Python.
    return "".join(line.rstrip(" \\") + "\n" for line in lines if "==" in line)


def check_plain(environment: Path, *, cwd: Path) -> None:
    """Without extras it imports, stands beside PyPI's `validators`, and says what the demo needs."""
    run(environment / "bin" / "python", "-I", "-c", SMOKE, cwd=cwd)
    cascade = environment / "bin" / "cascade"
    refused = subprocess.run([cascade, "demo"], cwd=cwd, capture_output=True, text=True, check=False)
    assert refused.returncode == 2, refused
    assert "pip install 'cascade-router[checks]'" in refused.stderr, refused.stderr


def main() -> None:
    """Build, install, try. Raises CalledProcessError at the first thing that fails."""
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder)
        run(sys.executable, "-m", "build", "--no-isolation", "--outdir", there, ROOT, cwd=ROOT)
        wheel, sdist = next(there.glob("*.whl")), next(there.glob("*.tar.gz"))
        env = there / "env"
        venv.create(env, with_pip=True)
        (there / "pins.txt").write_text(pins())
        install = (
            env / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--constraint",
            there / "pins.txt",
        )
        run(*install, wheel, cwd=there)
        found = brought(env)
        run(*install, "validators", cwd=there)
        check_plain(env, cwd=there)
        run(*install, f"{wheel}[checks]", cwd=there)
        run(env / "bin" / "cascade", "demo", "--limit", "5", cwd=there)
        members = ("*/validators/suite.py", "*/tests/package_check.py")
        run("tar", "-tzf", sdist, "--wildcards", *members, cwd=there)
    print(found)
    print("package ok")


if __name__ == "__main__":
    main()
