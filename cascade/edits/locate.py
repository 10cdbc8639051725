"""Where a hunk stands in a file: by what its lines say, since models count badly.

Exact text comes first, then other line ends, then blanks at the ends of lines, then another indentation. Each needs
one place only, or the very line that the hunk's header names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cascade.edits.changes import EditError, Hunk
from cascade.edits.mismatch import ambiguous, mismatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Lines of a file that a hunk replaces."""

    at: int
    """Index of the first."""
    hunk: Hunk
    """The hunk as it fits there."""
    is_exact: bool = True
    """Whether its lines are the file's to the letter, carriage returns included."""
    indent: int = 0
    """Columns by which the file is indented more than the hunk."""


def _same(text: str) -> str:
    return text


def _without_cr(text: str) -> str:
    return text.rstrip("\r")


_LEVELS: tuple[Callable[[str], str], ...] = (_same, _without_cr, str.rstrip, str.strip)


def locate(lines: Sequence[str], hunk: Hunk, *, path: str, shift: int = 0, floor: int = 0) -> Place:
    """The place of a hunk in `lines` (without line feeds).

    shift: by how many lines the hunks before moved what follows. floor: where the hunk before ended.

    Raises EditError where no place fits, or more than one does.
    """
    near = None if hunk.start is None else hunk.start - 1 + shift
    if not hunk.before:
        return Place(at=_insertion(lines, hunk, near, path), hunk=hunk)
    for fitted in (hunk, _trimmed(hunk)):
        for level in _LEVELS:
            place = _at_level(lines, fitted, level, near=near, floor=floor, path=path)
            if place is not None:
                return place
    raise mismatch(lines, hunk, path=path, near=near)


def _at_level(
    lines: Sequence[str], hunk: Hunk, level: Callable[[str], str], *, near: int | None, floor: int, path: str
) -> Place | None:
    wanted = [level(text) for text in hunk.before]
    if not any(wanted) and level is not _same:
        return None  # blank lines fit anywhere
    places = _occurrences([level(text) for text in lines], wanted)
    place = Place(at=0, hunk=hunk, is_exact=level is _same)
    if level is str.strip:
        indents = {at: _indent(lines[at : at + len(wanted)], hunk) for at in places}
        places = [at for at in places if indents[at] is not None]
    if not places:
        return None
    at = _chosen(lines, places, hunk, near=near, floor=floor)
    if at is None:
        raise ambiguous(hunk, places, path=path)
    return replace(place, at=at, indent=(indents[at] or 0) if level is str.strip else 0)


def _occurrences(lines: list[str], wanted: list[str]) -> list[int]:
    """Every index at which the wanted lines stand."""
    places: list[int] = []
    at = -1
    while True:
        try:
            at = lines.index(wanted[0], at + 1)
        except ValueError:
            return places
        if lines[at : at + len(wanted)] == wanted:
            places.append(at)


def _chosen(
    lines: Sequence[str], places: list[int], hunk: Hunk, *, near: int | None, floor: int
) -> int | None:
    """The one place that is meant; None where it cannot be known."""
    if near in places:
        return near
    if hunk.is_at_end and len(lines) - len(hunk.before) in places:
        return len(lines) - len(hunk.before)
    below = [at for at in places if at >= floor] if hunk.is_ordered else places
    below = below or places
    if len(below) == 1:
        return below[0]
    top = _anchor(lines, hunk)
    return None if top is None else next((at for at in below if at > top), None)


def _anchor(lines: Sequence[str], hunk: Hunk) -> int | None:
    """Index of the line that the hunk says it stands below; None where it is unknown, or there are several."""
    top = None
    for anchor in hunk.anchors:
        places = [
            at
            for at, line in enumerate(lines)
            if line.strip() == anchor.strip() and (top is None or at > top)
        ]
        if not places or (top is None and len(places) > 1):
            return None
        top = places[0]
    return top


def _insertion(lines: Sequence[str], hunk: Hunk, near: int | None, path: str) -> int:
    """Where lines go that come without any context."""
    top = _anchor(lines, hunk)
    if not lines or (hunk.is_at_end and top is None):
        return len(lines)
    at = near if top is None else top + 1
    if at is None or not 0 <= at <= len(lines):
        message = (
            f"{hunk.label} of {path} only adds lines, and does not say where. Show the lines around them."
        )
        raise EditError(message, path=path, line=hunk.start, source=next(iter(hunk.added), None))
    return at


def _indent(lines: Sequence[str], hunk: Hunk) -> int | None:
    """By how many columns the file is indented more than the hunk; None where it differs from line to line."""
    pairs = [
        (there, here)
        for there, here in zip(lines, hunk.before, strict=True)
        if there.strip() and here.strip()
    ]
    shifts = {_width(there) - _width(here) for there, here in pairs}
    if len(shifts) != 1 or len({there[:1] == "\t" for there, _ in pairs if there[:1].isspace()}) > 1:
        return None
    shift = shifts.pop()
    short = any(line.strip() and _width(line) < -shift for line in hunk.added)
    return None if short else shift


def _width(line: str) -> int:
    return len(line) - len(line.lstrip())


def _trimmed(hunk: Hunk) -> Hunk:
    """The hunk without the blank context at its ends, which a Markdown fence may have added."""
    lines = list(hunk.lines)
    while len(lines) > 1 and lines[-1].sign == " " and not lines[-1].text.strip():
        lines.pop()
    while len(lines) > 1 and lines[0].sign == " " and not lines[0].text.strip():
        lines.pop(0)
    return replace(hunk, lines=tuple(lines))
