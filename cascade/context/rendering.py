"""The text that a context is: whole files in fences, then what was left out, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from cascade.context.base import Shown

HEAD = "Files of the workspace, as they stand before any change:"
LEFT_OUT = "Also there, and not shown:"
MOST_LINES = 200  # of what was left out; beyond that a line stands for a folder
_FENCE = "```"


def file_block(path: str, text: str) -> str:
    """A file in a fence that nothing in it ends, its language and path in the info line."""
    fence = _FENCE
    while fence in text:
        fence += "`"
    end = "" if text.endswith("\n") else "\n"
    return f"{fence}{PurePosixPath(path).suffix.lstrip('.')} {path}\n{text}{end}{fence}"


def render(shown: Sequence[Shown], left_out: Sequence[str]) -> str:
    """The whole text; empty if there is nothing to say."""
    parts = [HEAD, *(file_block(one.path, one.text) for one in shown)] if shown else []
    if left_out:
        parts.append("\n".join([LEFT_OUT, *(f"- {line}" for line in left_out)]))
    return "\n\n".join(parts)


def lines_of(left_out: Sequence[tuple[str, int, str]], *, most: int = MOST_LINES) -> tuple[str, ...]:
    """What was left out, a line each: path, size in bytes, reason. Folders in one line where there are too many."""
    if len(left_out) <= most:
        return tuple(_line(path, size, why) for path, size, why in left_out)
    depth = max(path.count("/") for path, _, _ in left_out)
    folders = _by_folder(left_out, depth)
    while len(folders) > most and depth > 1:
        depth -= 1
        folders = _by_folder(left_out, depth)
    listed = list(folders.items())
    rest = [file for _, files in listed[most - 1 :] for file in files] if len(listed) > most else []
    lines = [
        _line(*files[0]) if len(files) == 1 else _folder_line(f"{folder or '.'}/", files)
        for folder, files in (listed[: most - 1] if rest else listed)
    ]
    return (*lines, *([_folder_line(f"{len(listed) - most + 1:,} more folders", rest)] if rest else []))


def _by_folder(left_out: Sequence[tuple[str, int, str]], depth: int) -> dict[str, list[tuple[str, int, str]]]:
    """Files by the folder that they are in, cut at `depth` folders."""
    folders: dict[str, list[tuple[str, int, str]]] = defaultdict(list)
    for path, size, why in left_out:
        folders["/".join(path.split("/")[:-1][:depth])].append((path, size, why))
    return dict(folders)


def _line(path: str, size: int, why: str) -> str:
    return f"{path} ({_bytes(size)}): {why}" if size else f"{path}: {why}"


def _folder_line(name: str, files: Sequence[tuple[str, int, str]]) -> str:
    reasons = list(dict.fromkeys(why for _, _, why in files))
    why = ", ".join(reasons[:3]) + (", ..." if len(reasons) > 3 else "")
    total = sum(size for _, size, _ in files)
    return f"{name}: {len(files):,} files ({_bytes(total)}): {why}"


def _bytes(size: int) -> str:
    if size < 10_000:
        return f"{size:,} bytes"
    return f"{size / 1000:,.0f} KB" if size < 10_000_000 else f"{size / 1_000_000:,.0f} MB"
