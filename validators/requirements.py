"""What a suite needs and its environment lacks: a module, a plug-in, an option; and the line that installs it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from cascade.validators.workspace import Workspace

# The start of an option, the name of a fixture or of a module: the distribution that has it.
OPTIONS = {
    "--cov": "pytest-cov", "--no-cov": "pytest-cov", "-n": "pytest-xdist", "--numprocesses": "pytest-xdist",
    "--dist": "pytest-xdist", "--timeout": "pytest-timeout", "--reruns": "pytest-rerunfailures",
    "--only-rerun": "pytest-rerunfailures", "--asyncio-mode": "pytest-asyncio", "--benchmark": "pytest-benchmark",
    "--mypy": "pytest-mypy", "--ruff": "pytest-ruff", "--black": "pytest-black", "--flake8": "pytest-flake8",
    "--doctest-plus": "pytest-doctestplus", "--doctest-rst": "pytest-doctestplus", "--snapshot": "syrupy",
    "--hypothesis": "hypothesis", "--ds": "pytest-django", "--reuse-db": "pytest-django",
    "--html": "pytest-html", "--random-order": "pytest-random-order", "--disable-socket": "pytest-socket",
    "--allow-hosts": "pytest-socket", "--isort": "pytest-isort", "--mpl": "pytest-mpl",
    "--randomly": "pytest-randomly", "--forked": "pytest-forked", "--run-parallel": "pytest-run-parallel",
    "--parallel-threads": "pytest-run-parallel", "--memray": "pytest-memray", "--checkdocs": "pytest-checkdocs",
    "--codspeed": "pytest-codspeed", "--typeguard-packages": "typeguard", "--import-check": "pytest-import-check",
}  # fmt: skip
FIXTURES = {
    "mocker": "pytest-mock", "benchmark": "pytest-benchmark", "httpserver": "pytest-httpserver",
    "requests_mock": "requests-mock", "respx_mock": "respx", "httpx_mock": "pytest-httpx",
    "freezer": "pytest-freezer", "snapshot": "syrupy", "faker": "Faker", "aiohttp_client": "pytest-aiohttp",
    "event_loop": "pytest-asyncio", "subtests": "pytest-subtests", "db": "pytest-django",
    "django_user_model": "pytest-django", "client": "pytest-django", "datadir": "pytest-datadir",
    "data_regression": "pytest-regressions", "file_regression": "pytest-regressions",
    "time_machine": "time-machine", "fs": "pyfakefs", "monkeypatch_session": "pytest-monkeypatch",
    "mock_aioresponse": "aioresponses", "qtbot": "pytest-qt", "anyio_backend": "anyio",
}  # fmt: skip
MODULES = {
    "yaml": "PyYAML", "PIL": "pillow", "cv2": "opencv-python", "bs4": "beautifulsoup4", "dateutil": "python-dateutil",
    "sklearn": "scikit-learn", "attr": "attrs", "OpenSSL": "pyOpenSSL", "Crypto": "pycryptodome",
    "pkg_resources": "setuptools", "markdown_it": "markdown-it-py", "pytest_mock": "pytest-mock",
    "xdist": "pytest-xdist", "pretend": "pretend", "git": "GitPython", "jwt": "PyJWT", "dotenv": "python-dotenv",
}  # fmt: skip
ASYNC = "async def functions are not natively supported"
MARKER = re.compile(r"'(\w+)' not found in `markers` configuration option")
MARKERS = {"asyncio": "pytest-asyncio", "anyio": "anyio", "trio": "pytest-trio", "django_db": "pytest-django",
           "timeout": "pytest-timeout", "benchmark": "pytest-benchmark", "flaky": "pytest-rerunfailures"}  # fmt: skip
ARGUMENT = re.compile(r"(?<=\s)(-n|--[a-z][a-z0-9-]*)")
MISSING_PLUGINS = re.compile(r"Missing required plugins: (.+)")
PLUGIN = re.compile(r'Error importing plugin "([\w.-]+)"')


def lacking(failure: Mapping[str, Any], workspace: Workspace) -> tuple[str, str] | None:
    """What the environment lacks, as words and as a distribution, if that is why a test failed.

    None if the answer, or the workspace, could have brought it.
    """
    message = str(failure.get("message") or "")
    if failure.get("fixture"):
        name = str(failure["fixture"])
        return f"fixture {name!r} not found", FIXTURES.get(name, "")
    if message.startswith(ASYNC):
        return f"{ASYNC}: the tests need a plug-in for them", "pytest-asyncio"
    marker = MARKER.search(message)
    if marker and failure.get("when") == "collect":
        return marker[0], MARKERS.get(marker[1], "")
    module = str(failure.get("module") or "").split(".")[0]
    if failure.get("type") == "ModuleNotFoundError" and module and _is_foreign(module, failure, workspace):
        return f"the tests need {module!r}, which is not installed", MODULES.get(module, module)
    return None


def of_usage(words: str) -> tuple[str, ...]:
    """The distributions that would make pytest start, as far as its words name them."""
    listed = MISSING_PLUGINS.search(words)
    if listed:
        return tuple(name.strip().split("=")[0].split(">")[0] for name in listed[1].split(","))
    plugin = PLUGIN.search(words)
    if plugin:
        return (plugin[1].replace("_", "-").split(".")[0],)
    if "unrecognized arguments" not in words:
        return ()
    found = (_of_option(option) for option in ARGUMENT.findall(words.split("unrecognized arguments", 1)[1]))
    return tuple(dict.fromkeys(name for name in found if name))


def _of_option(option: str) -> str:
    fitting = [start for start in OPTIONS if option == start or option.startswith(f"{start}-")]
    return OPTIONS[max(fitting, key=len)] if fitting else ""


def install_line(names: tuple[str, ...], python: str | None) -> str:
    """The command that installs these for the interpreter that the checks use; empty without names."""
    wanted = " ".join(name for name in names if name)
    return f"{python or 'python'} -m pip install {wanted}" if wanted else ""


def _is_foreign(module: str, failure: Mapping[str, Any], workspace: Workspace) -> bool:
    """True if neither the answer nor the workspace was to bring the module.

    Where nothing says what the answer was to bring, a test file that imports something of it shows that the rest
    is not its part.
    """
    path = str(failure.get("path") or "")
    own = provided(workspace)
    if module in own or path in workspace.touched:
        return False
    if workspace.task.target is not None or (path and path not in workspace.tests):
        return True
    text = workspace.read(path or str(failure.get("test") or "").split("::")[0]) or ""
    return bool(set(_imports(text)) & own)


def provided(workspace: Workspace) -> set[str]:
    """Top-level names of modules that the workspace, the task and the answer bring, or the answer was to bring."""
    task = workspace.task
    paths = [*task.files, *workspace.touched, *([task.target] if task.target else [])]
    found = {PurePosixPath(path).parts[0].removesuffix(".py") for path in paths}
    for place in workspace.roots:
        folder = workspace.root / place
        found |= {entry.name.removesuffix(".py") for entry in folder.iterdir()} if folder.is_dir() else set()
    return found


def _imports(text: str) -> Iterator[str]:
    """Top-level names that a file imports; a relative import is of what lies beside it, and so the workspace's."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]
