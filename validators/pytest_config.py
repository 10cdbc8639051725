"""Which pytest configuration holds: the task's own, whatever the answer wrote over it."""

from __future__ import annotations

import configparser
import os
import secrets
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from cascade.validators.workspace import Workspace

# In the order in which pytest looks.
NAMES = (
    "pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg",
)  # fmt: skip
SECTIONS = {"tox.ini": "pytest", "setup.cfg": "tool:pytest"}


def config_for(workspace: Workspace, select: Sequence[str]) -> str:
    """The path of the configuration that pytest would choose for these arguments; empty for none.

    Where the answer changed that file, a copy of the task's own beside it is what holds.
    """
    for folder in _folders(select):
        for name in NAMES:
            path = str(folder / name)
            text = workspace.original(path)
            if text is not None and _configures(name, text):
                return _path_of(workspace, path, text)
    return ""


def _folders(select: Sequence[str]) -> Iterator[PurePosixPath]:
    """The nearest folder that holds all arguments, and those above it, up to the workspace."""
    paths = [PurePosixPath(one.split("::")[0]) for one in select]
    holding = [path.parent if path.suffix else path for path in paths]
    common = PurePosixPath(os.path.commonpath(holding)) if holding else PurePosixPath()
    yield from (common, *common.parents)


def _configures(name: str, text: str) -> bool:
    if name.endswith(("pytest.ini", "pytest.toml")):
        return True
    if name == "pyproject.toml":
        try:
            tool = tomllib.loads(text).get("tool", {})
        except tomllib.TOMLDecodeError:
            return "[tool.pytest" in text  # pytest says itself what is wrong with it
        return isinstance(tool, dict) and "pytest" in tool
    parser = configparser.ConfigParser(interpolation=None, strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
    except configparser.Error:
        return f"[{SECTIONS[name]}]" in text
    return parser.has_section(SECTIONS[name])


def _path_of(workspace: Workspace, path: str, text: str) -> str:
    place = Path(workspace.root) / path
    if path not in workspace.touched and place.is_file() and not place.is_symlink():
        return str(place)
    # Beside it, because paths in it are relative to its folder; the suffix says how it is read.
    copy = place.with_name(f".pytest-{secrets.token_hex(8)}{place.suffix}")
    copy.write_text(text, "utf-8")
    copy.chmod(0o644)
    return str(copy)
