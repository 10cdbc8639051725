"""Globs of a workspace's files: what may be written, and which paths they name.

`*` and `?` stay inside a folder, `**` crosses folders, `[...]` is a set; a folder's own path stands for all
that is in it, and a leading `!` takes away what globs before it named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

PATTERN = r"^!?(?!/)(?!~)(?![A-Za-z]:/)(?!(.*/)?\.\.(/|$))[^!\\\u0000][^\\\u0000]*$"
"""What a glob must look like, for the JSON Schema: relative, inside, with slashes."""
HINT = 'write a relative path or pattern with slashes, like "src/**/*.py"; "!tests/**" takes files away'


def problem_of(glob: str) -> str | None:
    """Why the text is no glob of a workspace's files; None if it is one."""
    if not glob or glob == "!":
        return "is empty"
    if re.search(PATTERN, glob):
        return None
    bare = glob.removeprefix("!")
    if bare.startswith(("/", "~")) or re.match(r"[A-Za-z]:/", bare):
        return f"{glob!r} is not relative to the workspace"
    if ".." in PurePosixPath(bare).parts:
        return f"{glob!r} leads out of the workspace"
    return f"{glob!r} has a character that no path here has"


@dataclass(frozen=True, slots=True)
class Globs:
    """Compiled globs; the last one that matches a path decides."""

    rules: tuple[tuple[re.Pattern[str], bool], ...]
    """Each pattern of a whole path, and whether it takes the path in."""

    @classmethod
    def of(cls, globs: Iterable[str]) -> Globs:
        """Compile globs that `problem_of` has nothing against."""
        return cls(tuple((_compiled(glob.removeprefix("!")), not glob.startswith("!")) for glob in globs))

    def take(self, path: str) -> bool:
        """Whether a POSIX path relative to the workspace is named."""
        taken = False
        for pattern, takes in self.rules:
            if takes is not taken and pattern.fullmatch(path):
                taken = takes
        return taken


def _compiled(glob: str) -> re.Pattern[str]:
    parts = [part for part in glob.split("/") if part not in {"", "."}]
    return re.compile(_of_parts(parts), re.DOTALL)


def _of_parts(parts: Sequence[str]) -> str:
    """The parts one after another; `**` stands for any number of folders, at the end for any file below."""
    text, ends_open = "", not parts
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            text += "" if last else "(?:[^/]+/)*"
            ends_open = last
        else:
            text += _of_part(part) + ("" if last else "/")
    # What is named may be a folder: then it stands for its files.
    return text + (".*" if ends_open else "(?:/.*)?")


def _of_part(part: str) -> str:
    """One name: `*` and `?` never cross a slash, a set that is not closed is text."""
    out, at = "", 0
    while at < len(part):
        char = part[at]
        closed = part.find("]", at + (3 if part[at + 1 : at + 2] in {"!", "^"} else 2)) if char == "[" else -1
        if char == "*":
            out += "[^/]*"
        elif char == "?":
            out += "[^/]"
        elif closed > 0:
            out += _of_set(part[at + 1 : closed])
            at = closed
        else:
            out += re.escape(char)
        at += 1
    return out


def _of_set(inside: str) -> str:
    """One character of a set; a range that runs backwards holds none."""
    negated = inside[0] in "!^"
    rest = inside[1:] if negated else inside
    members = ""
    while rest:
        if len(rest) > 2 and rest[1] == "-":
            members += f"{re.escape(rest[0])}-{re.escape(rest[2])}" if rest[0] <= rest[2] else ""
            rest = rest[3:]
        else:
            members += re.escape(rest[0])
            rest = rest[1:]
    if not members:
        return "[^/]" if negated else "(?!)"
    return f"[^/{members}]" if negated else f"(?!/)[{members}]"
