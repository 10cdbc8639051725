"""Run the tests that touch other packages with the lowest versions that pyproject.toml allows.

Run by `make floors`; needs `uv` and a network. Warnings are no errors here: old releases warn of newer ones.
langchain comes second, because it asks for a newer langgraph than we do.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXTRAS = ("checks", "otel", "parquet", "plots", "serve")
# What no other package has a say in (statistics on arrays, money, hostile answers) runs with the locked set only.
TESTS = (
    "classifiers", "config", "graphs", "integrations", "machine", "models", "report", "server", "text", "trace",
    "cli/test_demo.py", "cli/test_run.py", "tuning/test_pictures.py", "tuning/test_tune.py", "replay/test_engine.py",
    "validators/test_python_validators.py", "validators/test_shape_validators.py",
)  # fmt: skip
LANGCHAIN = "integrations/test_langchain.py"


def project() -> dict[str, list[str]]:
    """The requirements by extra; under the empty name those of a plain installation."""
    read = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return {"": read["dependencies"], **read["optional-dependencies"]}


def install(python: Path, *requirements: str) -> None:
    """Install the lowest versions of what is named here, and the newest of what those need."""
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(python)]
    subprocess.run([*uv, "--resolution", "lowest-direct", *requirements], check=True, cwd=ROOT)


def above_the_floor(python: Path, requirements: list[str]) -> list[str]:
    """What is installed in another version than the lowest declared: then the floor is not what was tested."""
    frozen = [sys.executable, "-m", "uv", "pip", "freeze", "--python", str(python)]
    lines = subprocess.run(frozen, check=True, capture_output=True, text=True).stdout.splitlines()
    installed = dict(line.split("==") for line in lines if "==" in line)
    floors = (re.split(r"(?:\[.*\])?>=", each) for each in requirements if ">=" in each)
    return [
        f"{name} {installed[name.lower()]} (floor {floor})"
        for name, floor in floors
        if not re.fullmatch(rf"{re.escape(floor)}(\.0)*", installed[name.lower()])
    ]


def test(python: Path, *arguments: str) -> int:
    """Run pytest in the environment; its exit code."""
    options = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "filterwarnings=default")
    return subprocess.run([python, *options, *arguments], check=False, cwd=ROOT).returncode


def main() -> int:
    """Build the environment, say where it is above a floor, run the tests."""
    wanted = project()
    tools = [each for each in wanted["dev"] if not each.startswith("cascade-router")]
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "bin" / "python"
        subprocess.run(
            [sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, folder], check=True
        )
        install(python, *tools, "--editable", f".[{','.join(EXTRAS)}]")
        held = [each for name in ("", *EXTRAS) for each in wanted[name]]
        print(
            "above the floor:", ", ".join(above_the_floor(python, [*held, *tools])) or "nothing", flush=True
        )
        tests = [f"tests/{name}" for name in TESTS]
        failed = test(python, "-n", "2", "--dist", "worksteal", "--ignore", f"tests/{LANGCHAIN}", *tests)
        install(python, *wanted["langchain"], "--editable", ".")
        return failed or test(python, f"tests/{LANGCHAIN}")


if __name__ == "__main__":
    sys.exit(main())
