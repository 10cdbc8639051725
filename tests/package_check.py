"""Build wheel and sdist; install the wheel into a clean environment beside PyPI's `validators`; try both.

Run by `make package`. The two packages must not shadow each other (see ARCHITECTURE.md, Layout).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
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


def main() -> None:
    """Build, install, try. Raises CalledProcessError at the first thing that fails."""
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder)
        run(sys.executable, "-m", "build", "--no-isolation", "--outdir", there, ROOT, cwd=ROOT)
        wheel, sdist = next(there.glob("*.whl")), next(there.glob("*.tar.gz"))
        venv.create(there / "env", with_pip=True)
        python = there / "env" / "bin" / "python"
        pinned = ("--constraint", there / "pins.txt")
        pins = [
            line.rstrip(" \\")  # the marker stays: some packages are pinned once for each Python
            for line in (ROOT / "requirements.lock").read_text().splitlines()
            if "==" in line
        ]
        (there / "pins.txt").write_text("\n".join(pins) + "\n")
        run(python, "-m", "pip", "install", "--quiet", *pinned, wheel, "validators", cwd=there)
        run(python, "-I", "-c", SMOKE, cwd=there)
        run(there / "env" / "bin" / "cascade", "demo", "--limit", "5", cwd=there)
        run(
            "tar",
            "-tzf",
            sdist,
            "--wildcards",
            "*/validators/suite.py",
            "*/tests/package_check.py",
            cwd=there,
        )
    print("package ok")


if __name__ == "__main__":
    main()
