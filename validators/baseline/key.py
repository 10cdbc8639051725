"""What a baseline depends on, as one digest: workspace, task, tools, interpreter, options."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cascade.types import Task
from cascade.validators.project import Project
from cascade.validators.snapshot import Entry, scan

# Raised when what is observed, or how it is kept, changes.
FORMAT = 3
TOOLS = ("cascade-router", "ruff", "mypy", "pytest")


class ContentDigests:
    """Digests of directories by content, computed again only if a size or a time stamp has changed."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[Entry, ...], str]] = {}

    def of(self, directory: str) -> str:
        """The digest of every name and every byte below the directory that a workspace would hold."""
        entries = scan(Path(directory))
        known = self._known.get(directory)
        if known is not None and known[0] == entries:
            return known[1]
        digest = _content(Path(directory), entries)
        self._known[directory] = entries, digest
        return digest


def _content(root: Path, entries: Iterable[Entry]) -> str:
    total = hashlib.sha256()
    for entry in entries:
        is_file = entry.kind == "file"
        head = f"{entry.kind} {entry.path} {entry.stamp.rpartition(':')[2] if is_file else entry.stamp}\0"
        total.update(head.encode("utf-8", "surrogateescape"))
        if is_file:
            with (root / entry.path).open("rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def digest(value: Any) -> str:
    """The digest of a value of JSON types."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def base_key(task: Task, project: Project, *, content: str, layers: Iterable[str]) -> str:
    """What all validators' baselines of a task depend on."""
    return digest(
        {
            "format": FORMAT,
            "content": content,
            "files": dict(task.files),
            "tests": dict(task.tests),
            "show_tests": task.show_tests,
            "project": repr(project),
            "interpreter": interpreter(project, task.workspace),
            "tools": tool_versions(),
            "layers": list(layers),
        }
    )


def tool_versions() -> Mapping[str, str]:
    """The versions of the tools beside us; a tool that is not there has none."""
    found = {"python": sys.version}
    for name in TOOLS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def interpreter(project: Project, workspace: str | None) -> list[str]:
    """What tells two environments apart: the interpreter's file, and what is installed beside it."""
    python = Path(project.python) if project.python else Path(sys.executable)
    if workspace is not None and not python.is_absolute():
        python = Path(workspace) / python
    found = [str(python)]
    prefix = python.parent.parent
    for place in (python, prefix / "pyvenv.cfg"):
        found += _stamp(place)
    for packages in sorted(prefix.glob("lib*/python*/site-packages")):
        for one in sorted(packages.iterdir()):
            if one.name.endswith((".dist-info", ".egg-info", ".pth", ".egg-link")):
                found += [one.name, *_stamp(one)]
    return found


def _stamp(path: Path) -> list[str]:
    try:
        info = path.stat()
    except OSError:
        return []
    return [f"{info.st_size}:{info.st_mtime_ns}"]
