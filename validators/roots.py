"""Folders of a workspace from which its modules are imported, in order."""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any


def import_roots(root: Path, touched: Sequence[str]) -> tuple[str, ...]:
    """`src` and what the build files name, then the workspace itself, then where the answer's packages lie.

    Relative to `root`; `""` is the workspace. `touched` are the answer's files.
    """
    named = [place for place in _declared(root) if _is_inside(place) and (root / place).is_dir()]
    if (root / "src").is_dir() and not (root / "src" / "__init__.py").exists():
        named.insert(0, "src")
    return tuple(dict.fromkeys([*named, "", *_of_packages(root, touched, known=named)]))


def _of_packages(root: Path, touched: Sequence[str], *, known: Sequence[str]) -> Iterator[str]:
    """The folder that holds the outermost package of each of these files."""
    for path in touched:
        folder = PurePosixPath(path).parent
        if any(folder.is_relative_to(place) for place in known) or path.endswith("conftest.py"):
            continue
        place = folder
        while str(place) != "." and (root / place / "__init__.py").is_file():
            place = place.parent
        if place != folder and str(place) != ".":
            yield str(place)


def _declared(root: Path) -> Iterator[str]:
    """Package folders that setuptools, poetry, pdm or hatch is given; broken files name none."""
    try:
        data = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError):
        data = {}
    tool = _table(data.get("tool"))
    yield _text(_table(_table(tool.get("setuptools")).get("package-dir")).get(""))
    where = _table(_table(_table(tool.get("setuptools")).get("packages")).get("find")).get("where")
    yield from map(_text, where if isinstance(where, list) else [])
    packages = _table(tool.get("poetry")).get("packages")
    yield from (_text(_table(one).get("from")) for one in (packages if isinstance(packages, list) else []))
    yield _text(_table(_table(tool.get("pdm")).get("build")).get("package-dir"))
    wheel = _table(_table(_table(_table(tool.get("hatch")).get("build")).get("targets")).get("wheel"))
    for package in wheel.get("packages") or []:
        yield str(PurePosixPath(_text(package)).parent)
    yield from _of_setup_cfg(root / "setup.cfg")


def _of_setup_cfg(path: Path) -> Iterator[str]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text("utf-8"))
    except (OSError, ValueError, configparser.Error):
        return
    for line in parser.get("options", "package_dir", fallback="").splitlines():
        name, _, place = line.partition("=")
        if not name.strip():
            yield place.strip()
    yield from parser.get("options.packages.find", "where", fallback="").split()


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _is_inside(place: str) -> bool:
    pure = PurePosixPath(place)
    return bool(place) and str(pure) != "." and not pure.is_absolute() and ".." not in pure.parts
