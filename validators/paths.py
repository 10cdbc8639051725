"""Paths that a model wrote, kept inside the workspace."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from cascade.errors import InputError

MAX_PATH = 1024
# Files by which a test run or an interpreter is configured: an answer may not bring them.
INFRASTRUCTURE = frozenset({"conftest.py", "sitecustomize.py", "usercustomize.py", "pytest.py", "_pytest.py"})


def confined(path: str) -> PurePosixPath:
    """The workspace-relative path, normalised.

    Raises:
        InputError: it is absolute, climbs out, is empty or has characters that no file name should have.
    """
    pure = PurePosixPath(path)
    parts = [part for part in pure.parts if part != "."]
    bad = (
        not parts
        or len(path) > MAX_PATH
        or pure.is_absolute()
        or ".." in parts
        or "\\" in path
        or any(ord(char) < 32 or 0xD800 <= ord(char) <= 0xDFFF or ord(char) == 127 for char in path)
        or any(len(part.encode("utf-8", "replace")) > 255 for part in parts)
        or path.endswith("/")
    )
    if bad:
        raise InputError(
            f"not a path inside the workspace: {path!r:.200}",
            hint="use relative POSIX paths without '..', such as src/solution.py",
        )
    return PurePosixPath(*parts)


def resolve_inside(root: Path, path: str) -> Path:
    """`path` under `root`, following links that stay inside.

    Raises:
        InputError: the path, or a link on the way to it, leads out of `root`.
    """
    target = root / confined(path)
    real = Path(os.path.realpath(target.parent))
    inside = Path(os.path.realpath(root))
    if real != inside and not real.is_relative_to(inside):
        raise InputError(
            f"{path!r:.200} leads out of the workspace through a link",
            hint="remove the link, or write to a path that stays inside",
        )
    return real / target.name


def is_test(path: str) -> bool:
    """True for a file that pytest collects by its name."""
    name = PurePosixPath(path).name
    return name.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py"))
