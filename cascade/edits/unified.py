"""Unified diffs as models write them: read by what the lines say, since the counts are often wrong."""

from __future__ import annotations

import re

from cascade.edits.changes import Change, EditError, Hunk, Line
from cascade.edits.headers import Header
from cascade.edits.lines import is_crlf

_COUNTED = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)$")
_FILES = re.compile(r"^--- .+\n\+\+\+ .+$", re.M)
_GIT = re.compile(
    r"^diff --git .+\n(?:old mode|new mode|similarity|rename|copy|deleted file|new file|index |--- )", re.M
)
_SIGNATURE = re.compile(r"^-- \n?\d+\.\d+")


def is_unified(text: str) -> bool:
    """Whether a text holds a unified diff with the names of its files."""
    text = text.replace("\r\n", "\n")
    return _FILES.search(text) is not None or _GIT.search(text) is not None


def is_hunks(text: str) -> bool:
    """Whether a text is nothing but hunks, with or without their headers."""
    lines = [line for line in text.split("\n") if line.strip()]
    signed = [line for line in lines if line.startswith(("+", "-"))]
    return bool(signed) and all(line.startswith(("+", "-", " ", "@@", "\\", "...", "…")) for line in lines)


def parse_unified(text: str, *, path: str | None = None, is_fenced: bool = True) -> list[Change]:
    """The changes of a diff, in order.

    path: the file of hunks that no header names. is_fenced: the text is a diff and nothing else; else prose may
    stand around it.

    Raises EditError for hunks without any file, and for binary patches.
    """
    reader = _Reader(text.replace("\r\n", "\n") if is_crlf(text) else text, path=path, is_fenced=is_fenced)
    return reader.read()


class _Reader:
    def __init__(self, text: str, *, path: str | None, is_fenced: bool) -> None:
        self._lines = text.removesuffix("\n").split("\n")
        self._at = 0
        self._path = path
        self._is_fenced = is_fenced
        self._header: Header | None = None
        self._hunks: list[Hunk] = []
        self._changes: list[Change] = []

    def read(self) -> list[Change]:
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if line.startswith("diff --git "):
                self._open(Header.of_git(line))
                self._at += 1
            elif self._names_files():
                self._name()
            elif line.startswith("@@"):
                self._counted()
            elif self._header is not None and not self._hunks and self._header.take(line):
                self._at += 1
            elif self._is_bare_hunk(line):
                self._hunks.append(self._loose(None, ()))
            else:
                self._at += 1
        self._close()
        return self._changes

    def _line(self, offset: int = 0) -> str:
        at = self._at + offset
        return self._lines[at] if at < len(self._lines) else ""

    def _names_files(self) -> bool:
        return self._line().startswith("--- ") and self._line(1).startswith("+++ ")

    def _name(self) -> None:
        names = self._line(), self._line(1)
        if self._header is None or self._hunks or self._header.is_binary or not self._header.is_of(*names):
            self._open(Header(old=None, new=None))
        assert self._header is not None
        self._header.name(*names)
        self._at += 2

    def _open(self, header: Header) -> None:
        self._close()
        self._header = header

    def _close(self) -> None:
        """The file that was read so far is done."""
        header, hunks = self._header, tuple(self._hunks)
        self._header, self._hunks = None, []
        if header is None and hunks:
            if self._path is None:
                raise EditError(
                    f"{hunks[0].label} names no file. Write `--- a/path` and `+++ b/path` above it."
                )
            self._changes.append(Change(old=self._path, new=self._path, hunks=hunks))
        elif header is not None:
            self._changes.append(_change(header, hunks))

    def _is_bare_hunk(self, line: str) -> bool:
        """Whether a hunk begins here without a header of its own."""
        if not self._is_fenced or self._hunks or not line.startswith(("+", "-", " ")):
            return False
        return self._header is not None or self._path is not None

    def _counted(self) -> None:
        header = self._line()
        counts = _COUNTED.match(header.rstrip("\r"))
        self._at += 1
        if counts is None:
            self._hunks.append(self._loose(None, _anchors(header), header=header))
            return
        old = 1 if counts[2] is None else int(counts[2])
        new = 1 if counts[4] is None else int(counts[4])
        start = int(counts[1]) + (1 if old == 0 else 0)
        hunk = self._strict(start, old, new, header, _anchors(counts[5]))
        self._hunks.append(hunk or self._loose(start, _anchors(counts[5]), header=header))

    def _strict(self, start: int, old: int, new: int, header: str, anchors: tuple[str, ...]) -> Hunk | None:
        """The hunk as its counts say, or None where they are wrong."""
        at, lines = self._at, list[Line]()
        while old > 0 or new > 0:
            line = self._lines[at] if at < len(self._lines) else "\0"
            if line.startswith("\\"):
                _mark(lines)
            elif line[:1] in ("", " ", "+", "-"):
                lines.append(_body(line))
                old -= lines[-1].sign != "+"
                new -= lines[-1].sign != "-"
            else:
                return None
            at += 1
        if at < len(self._lines) and self._lines[at].startswith("\\"):
            _mark(lines)
            at += 1
        if old or new or (self._is_fenced and self._goes_on(at)):
            return None
        self._at = at
        return Hunk(lines=tuple(lines), label=self._label(header), start=start, anchors=anchors)

    def _goes_on(self, at: int) -> bool:
        """Whether lines of a hunk follow, so that its counts were too small."""
        here = self._lines[at] if at < len(self._lines) else ""
        after = self._lines[at + 1] if at + 1 < len(self._lines) else ""
        if here.startswith("--- ") and after.startswith("+++ "):
            return False
        return (
            here.startswith(("+", "-", " "))
            and bool(here.strip())
            and not _SIGNATURE.match(f"{here}\n{after}")
        )

    def _loose(self, start: int | None, anchors: tuple[str, ...], *, header: str = "") -> Hunk:
        """The hunk up to the next header, whatever its counts say."""
        lines: list[Line] = []
        while self._at < len(self._lines) and not self._ends():
            line = self._line()
            self._at += 1
            if line.startswith("\\"):
                _mark(lines)
            elif line.strip() in ("...", "…") and not line.startswith(("+", "-")):
                break
            elif not (self._header is not None and not lines and self._header.take(line)):
                lines.append(_body(line))
        if not any(line.sign != "+" for line in lines) and start is not None and start > 1:
            start = None  # with counts that are wrong, nothing says where the lines go
        return Hunk(lines=_stripped(lines), label=self._label(header), start=start, anchors=anchors)

    def _ends(self) -> bool:
        line = self._line()
        if line.startswith(("@@", "diff --git ")) or self._names_files():
            return True
        if _SIGNATURE.match(f"{line}\n{self._line(1)}"):
            return True
        return not self._is_fenced and line[:1] not in ("", " ", "+", "-", "\\")

    def _label(self, header: str) -> str:
        numbers = header[: header.find("@@", 2) + 2] if header.count("@@") > 1 else header.strip()
        number = len(self._hunks) + 1
        return f"Hunk {number} ({numbers[:60]})" if numbers else f"Hunk {number}"


def _change(header: Header, hunks: tuple[Hunk, ...]) -> Change:
    if header.is_binary and header.new is not None and not (header.is_rename or header.is_copy):
        raise EditError(f"The diff of {header.new} is binary, which cannot be applied here.", path=header.new)
    return Change(
        old=header.old,
        new=header.new,
        hunks=hunks,
        mode=header.mode,
        has_prefixes=header.has_prefixes,
        is_rename=header.is_rename,
        is_copy=header.is_copy,
    )


def _body(line: str) -> Line:
    """A line of a hunk; one without a sign is context whose blank was lost."""
    if line.startswith(("+", "-", " ")):
        return Line("+" if line[0] == "+" else "-" if line[0] == "-" else " ", line[1:])
    return Line(" ", line)


def _mark(lines: list[Line]) -> None:
    if lines:
        lines[-1] = lines[-1]._replace(is_open=True)


def _stripped(lines: list[Line]) -> tuple[Line, ...]:
    """Without blank lines at the end that have no sign: they stand after the diff, not in it."""
    while lines and lines[-1].sign == " " and not lines[-1].text:
        lines.pop()
    return tuple(lines)


def _anchors(header: str) -> tuple[str, ...]:
    """What a hunk's header says of the code around it."""
    text = header.replace("@@", "").strip()
    return () if not text or re.fullmatch(r"[-+\d, .…]*", text) else (text,)
