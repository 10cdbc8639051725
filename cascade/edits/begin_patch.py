"""Patches in the form of the `apply_patch` tool: `*** Begin Patch`, a section a file, hunks without numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from cascade.edits.changes import Change, Hunk, Line
from cascade.edits.lines import is_crlf

_SECTION = re.compile(r"^\*\*\* (Add|Create|Update|Delete) File: (.+?)\s*$")
_MOVE = re.compile(r"^\*\*\* Move to: (.+?)\s*$")
_IS = re.compile(r"^\*\*\* (?:Add|Create|Update|Delete) File: \S", re.M)


def is_begin_patch(text: str) -> bool:
    """Whether a text holds a section of such a patch."""
    return _IS.search(text) is not None


def parse_begin_patch(text: str) -> list[Change]:
    """The changes of the patch, in order. The lines around it are passed over."""
    lines = (text.replace("\r\n", "\n") if is_crlf(text) else text).removesuffix("\n").split("\n")
    sections: list[_Section] = []
    is_open = False
    for line in lines:
        opening = _SECTION.match(line)
        if opening is not None:
            sections.append(_Section(verb=opening[1], path=opening[2].strip("`")))
            is_open = True
        elif line.startswith(("*** End Patch", "*** Begin Patch", "```")):
            is_open = False
        elif is_open:
            sections[-1].take(line)
    return [section.change() for section in sections]


@dataclass(slots=True)
class _Section:
    verb: str
    path: str
    moved: str | None = None
    hunks: list[tuple[list[str], list[Line]]] = field(default_factory=list)
    ends: set[int] = field(default_factory=set)

    def take(self, line: str) -> None:
        """One line below the section's head."""
        move = _MOVE.match(line)
        if move is not None:
            self.moved = move[1]
        elif line.startswith("*** End of File"):
            self.ends.add(len(self.hunks) - 1)
        elif line.startswith("@@"):
            self._anchor(line.replace("@@", "", 1).removesuffix("@@").strip())
        elif self.verb in ("Add", "Create"):
            self._body().append(Line("+", line.removeprefix("+")))
        elif line.startswith(("+", "-", " ")):
            self._body().append(Line("+" if line[0] == "+" else "-" if line[0] == "-" else " ", line[1:]))
        else:
            self._body().append(Line(" ", line))

    def _anchor(self, text: str) -> None:
        """Anchors above the same lines narrow each other; after lines a new hunk begins."""
        if not self.hunks or self.hunks[-1][1]:
            self.hunks.append(([], []))
        if text:
            self.hunks[-1][0].append(text)

    def _body(self) -> list[Line]:
        if not self.hunks:
            self.hunks.append(([], []))
        return self.hunks[-1][1]

    def change(self) -> Change:
        """The section as a change."""
        hunks = tuple(
            Hunk(
                lines=_stripped(lines),
                label=f"Hunk {number}" + (f" (@@ {anchors[-1][:60]})" if anchors else ""),
                anchors=tuple(anchors),
                is_at_end=number - 1 in self.ends or not any(line.sign != "+" for line in lines),
            )
            for number, (anchors, lines) in enumerate(self.hunks, 1)
            if lines
        )
        if self.verb == "Delete":
            return Change(old=self.path, new=None)
        if self.verb in ("Add", "Create"):
            return Change(old=None, new=self.path, hunks=hunks)
        return Change(
            old=self.path, new=self.moved or self.path, hunks=hunks, is_rename=self.moved is not None
        )


def _stripped(lines: list[Line]) -> tuple[Line, ...]:
    """Without the blank lines at the end that have no sign."""
    end = len(lines)
    while end and lines[end - 1].sign == " " and not lines[end - 1].text:
        end -= 1
    return tuple(lines[:end])
