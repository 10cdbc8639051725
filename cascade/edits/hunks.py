"""Hunks applied to a text: only the lines that they name change, to the byte."""

from __future__ import annotations

from collections.abc import Sequence

from cascade.edits.changes import Hunk, Line
from cascade.edits.lines import bare, line_end, split_lines
from cascade.edits.locate import Place, locate

_BOM = "\ufeff"


def apply_hunks(text: str, hunks: Sequence[Hunk], *, path: str) -> str:
    """The text after all hunks. Raises EditError at the first that does not fit.

    A byte order mark stays where it is, unless a hunk names it.
    """
    if text.startswith(_BOM) and not any(line.text.startswith(_BOM) for hunk in hunks for line in hunk.lines):
        return _BOM + apply_hunks(text.removeprefix(_BOM), hunks, path=path)
    lines = split_lines(text)
    shift = floor = 0
    for hunk in hunks:
        place = locate([bare(line) for line in lines], hunk, path=path, shift=shift, floor=floor)
        size = len(place.hunk.before)
        new = _replacement(lines, place)
        if hunk.start is not None:
            shift = place.at - (hunk.start - 1)
        shift += len(new) - size
        if place.at == len(lines):
            lines = _closed(lines, line_end(lines))
        lines[place.at : place.at + size] = new
        floor = place.at + len(new)
    return "".join(lines)


def _replacement(lines: list[str], place: Place) -> list[str]:
    """The lines that stand at the place afterwards. Context keeps the file's own text."""
    hunk = place.hunk
    there = lines[place.at : place.at + len(hunk.before)]
    is_last = place.at + len(there) == len(lines)
    end = line_end(there) if any(line.endswith("\n") for line in there) else line_end(lines)
    verbatim = place.is_exact and (end == "\n" or any(line.text.endswith("\r") for line in hunk.lines))
    new: list[str] = []
    kept = iter(there)
    for line in hunk.lines:
        if line.sign != "+":
            text = next(kept)
            if line.sign == " ":
                new.append(text)
        elif verbatim:
            new.append(f"{line.text}\n")
        else:
            new.append(_indented(line.text.rstrip("\r"), place.indent, there) + end)
    if new and is_last and _stays_open(lines, hunk):
        new[-1] = bare(new[-1]) if verbatim else new[-1].removesuffix(end)
        return [*_closed(new[:-1], end), new[-1]]
    return _closed(new, end)


def _stays_open(lines: list[str], hunk: Hunk) -> bool:
    """Whether the file's last line has no line feed afterwards: as the hunk says, else as it was."""
    if any(line.is_open for line in hunk.lines):
        after = [line for line in hunk.lines if line.sign != "-"]
        return bool(after) and after[-1].is_open
    return bool(lines) and not lines[-1].endswith("\n")


def _closed(lines: list[str], end: str) -> list[str]:
    return [line if line.endswith("\n") else line + end for line in lines]


def _indented(text: str, indent: int, there: list[str]) -> str:
    if not text.strip() or not indent:
        return text
    if indent < 0:
        return text[-indent:]
    first = next(line for line in there if line.strip())
    return first[:indent] + text


def hunk_of(before: Sequence[str], after: Sequence[str], *, label: str, start: int | None = None) -> Hunk:
    """A hunk, on its own, that turns lines into others; lines that both have are context."""
    from difflib import SequenceMatcher

    lines: list[Line] = []
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            lines += [Line(" ", text) for text in before[i:j]]
        else:
            lines += [Line("-", text) for text in before[i:j]] + [Line("+", text) for text in after[k:m]]
    return Hunk(lines=tuple(lines), label=label, start=start, is_ordered=False)
