"""Which installed modules a text imports: for warming up, not for judging."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([A-Za-z_][\w.]*)[ \t]+import[ \t]+([\w, \t]*)|import[ \t]+([\w., \t]+))",
    re.MULTILINE,
)
ALIAS = re.compile(r"[ \t]+as[ \t]+\w+")
NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


def import_statements(text: str, root: Path, *, everything: bool = False) -> set[str]:
    """The text's imports of what is installed, each as a plain statement; modules below `root` are left out.

    `everything`: it is not known what is installed, because it is so for another interpreter.
    """

    def wanted(module: str) -> bool:
        return not _is_below(module, root) and (everything or _is_found(module))

    found: set[str] = set()
    for module, names, plain in IMPORT.findall(text):
        if module:
            listed = ", ".join(sorted(_names(names)))
            statement = f"from {module} import {listed}" if listed else f"import {module}"
            found |= {statement} if wanted(module) else set()
        found |= {f"import {name}" for name in _names(plain) if wanted(name)}
    return found


def _names(listed: str) -> list[str]:
    """The names of a list with commas, without what they are called as."""
    return [name for one in ALIAS.sub("", listed).split(",") if NAME.fullmatch(name := one.strip())]


def _is_below(module: str, root: Path) -> bool:
    top = module.split(".", maxsplit=1)[0]
    return (root / top).exists() or (root / f"{top}.py").exists()


def _is_found(module: str) -> bool:
    try:
        return importlib.util.find_spec(module.split(".", maxsplit=1)[0]) is not None
    except (ValueError, ImportError):
        return False
