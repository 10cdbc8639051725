"""A library loads when it is first used: what each way in leaves unloaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

# What takes long to load, or is an extra.
HEAVY = {
    "genai_prices", "httpx", "httpx2", "jsonschema", "langchain_core", "langgraph", "langsmith", "markdown_it",
    "matplotlib", "mypy", "numpy", "openai", "opentelemetry", "pyarrow", "pytest", "rich", "scipy", "sklearn",
    "starlette", "structlog", "uvicorn",
}  # fmt: skip
# What langgraph loads, and what reads an answer.
ENGINE = {
    "httpx", "httpx2", "langchain_core", "langgraph", "langsmith", "markdown_it", "opentelemetry", "rich",
    "structlog",
}  # fmt: skip
SHOW = "\nimport sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
HELP = """
from cascade.cli.main import main
try:
    main(["--help"])
except SystemExit:
    print()
"""
RUN = """
from pathlib import Path
import cascade
from cascade.config import ValidatorConfig, load
from cascade.tasks import read_tasks
data = Path(cascade.__file__).parent / "demo_data"
config = load(data / "cascade.yaml").model_copy(update={"validators": (ValidatorConfig(use="syntax"),)})
result = cascade.Cascade.from_config(config).run_sync(next(iter(read_tasks(data / "tasks.jsonl.gz"))))
assert result.status == "accepted", result
"""


def loaded(code: str) -> set[str]:
    """The top-level modules of a fresh interpreter after this code."""
    done = subprocess.run([sys.executable, "-c", code + SHOW], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_the_package_alone_loads_no_other() -> None:
    brought = loaded("import cascade") - loaded("")
    assert brought - sys.stdlib_module_names == {"cascade"}


@pytest.mark.parametrize(
    ("code", "used"),
    [
        ("from cascade import Cascade, Config, Result, Task", set()),
        (HELP, set()),
        ("import cascade.server", {"starlette"}),
        ("import cascade.testing", set()),
        ("import cascade.validators.suite, cascade.validators.catalog", set()),
        (RUN, ENGINE),
    ],
    ids=["names", "help", "server", "testing", "validators", "run"],
)
def test_nothing_heavy_is_loaded_that_is_not_used(code: str, used: set[str]) -> None:
    assert loaded(code) & HEAVY - used == set()
