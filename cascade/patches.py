"""Unified diffs as models write them: applied by what the lines say, since the numbers are often wrong.

A hunk is looked for at the line its header names, then nearest to it, then with white space ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_HUNK = re.compile(r"^@@(?: -(?P<start>\d+)(?:,\d+)? \+\d+(?:,\d+)? @@.*| .*|\s*)$")
_NOWHERE = "/dev/null"


class PatchError(ValueError):
    """A diff does not fit its files. `path`, `line` and `source` say where, as far as is known."""

    def __init__(
        self, message: str, *, path: str | None = None, line: int | None = None, source: str | None = None
    ) -> None:
        super().__init__(message)
        self.path = path
        self.line = line
        self.source = source


@dataclass(slots=True)
class Hunk:
    """One change: the lines before and after it, and the line (from 1) where the header says it stands."""

    start: int
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def trimmed(self) -> Hunk:
        """The same without the blank lines at the end, which a Markdown fence may have added."""
        before, after = list(self.before), list(self.after)
        while before and after and not before[-1].strip() and not after[-1].strip():
            before.pop()
            after.pop()
        return Hunk(self.start, before, after)


@dataclass(slots=True)
class FilePatch:
    """The hunks for one file. An `old` of None makes a new file, a `new` of None deletes it."""

    old: str | None
    new: str | None
    hunks: list[Hunk] = field(default_factory=list)


def is_patch(text: str) -> bool:
    """Whether a text is a unified diff."""
    return re.search(r"^--- .+\n\+\+\+ .+$", text, re.M) is not None


def apply_patch(patch: str, files: Mapping[str, str]) -> dict[str, str | None]:
    """Apply a unified diff to `files`; returns the changed ones by path (None: deleted).

    Raises PatchError, naming the file and the first hunk that does not fit.
    """
    changed: dict[str, str | None] = {}
    for part in parse(patch):
        if part.old is not None:
            _known(part.old, files, changed)
        source = "" if part.old is None else changed.get(part.old) or files.get(part.old, "")
        if part.new is not None:
            changed[part.new] = _apply_hunks(source, part.hunks, part.new)
        if part.old is not None and part.old != part.new:
            changed[part.old] = None
    return changed


def _known(path: str, files: Mapping[str, str], changed: Mapping[str, str | None]) -> None:
    if path not in files and path not in changed:
        there = ", ".join(sorted(files)) or "none"
        raise PatchError(f"The diff changes {path}, which does not exist. Known files: {there}.", path=path)


def parse(patch: str) -> list[FilePatch]:
    """The files and hunks of a unified diff; the counts in the hunk headers are not trusted."""
    parts: list[FilePatch] = []
    previous = ""
    for line in patch.splitlines():
        if line.startswith("+++ ") and previous.startswith("--- "):
            if parts and parts[-1].hunks:  # the header's first line was taken for a removed line
                parts[-1].hunks[-1].before.pop()
            parts.append(FilePatch(_name(previous), _name(line)))
        elif parts:
            _take(line, parts[-1])
        previous = line
    return [part for part in parts if part.hunks or part.new is None or part.old is None]


def _take(line: str, part: FilePatch) -> None:
    header = _HUNK.match(line)
    if header:
        part.hunks.append(Hunk(int(header["start"] or 1)))
        return
    if not part.hunks or line.startswith(
        ("diff ", "index ", "\\ ", "new file", "deleted file", "similarity", "rename ")
    ):
        return
    hunk, sign, text = part.hunks[-1], line[:1], line[1:]
    if sign in ("-", " ", ""):
        hunk.before.append(text)
    if sign in ("+", " ", ""):
        hunk.after.append(text)


def _name(header: str) -> str | None:
    name = header[4:].split("\t", maxsplit=1)[0].strip().strip('"')
    if name == _NOWHERE:
        return None
    return name[2:] if name.startswith(("a/", "b/")) else name


def _apply_hunks(source: str, hunks: list[Hunk], path: str) -> str:
    lines = source.splitlines()
    shift = 0
    for written in hunks:
        hunk, at = written, _locate(lines, written.before, written.start - 1 + shift)
        if at is None:
            hunk = written.trimmed()
            at = _locate(lines, hunk.before, hunk.start - 1 + shift)
        if at is None:
            wanted = next((text for text in hunk.before if text.strip()), "")
            message = f"A hunk does not fit {path}: its lines are not in the file."
            raise PatchError(message, path=path, line=hunk.start, source=wanted)
        lines[at : at + len(hunk.before)] = hunk.after
        shift += len(hunk.after) - len(hunk.before)
    return "\n".join(lines) + "\n" if lines else ""


def _locate(lines: list[str], wanted: list[str], near: int) -> int | None:
    """Index of the lines that the hunk replaces, nearest to where its header says; exact text first."""
    for same in (str, str.rstrip, str.strip):
        pattern = [same(text) for text in wanted]
        for at in _outward(near, len(lines) - len(wanted)):
            if [same(text) for text in lines[at : at + len(wanted)]] == pattern:
                return at
    return None


def _outward(near: int, last: int) -> Iterator[int]:
    """0..last, nearest to `near` first."""
    return iter(sorted(range(last + 1), key=lambda at: (abs(at - near), at)))
