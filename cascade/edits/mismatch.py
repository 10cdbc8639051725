"""What is said of a hunk that does not fit: which, where it was looked for, and what stands there."""

from __future__ import annotations

from collections.abc import Sequence

from cascade.edits.changes import EditError, Hunk

SHOWN = 5
"""Lines of the file that a message shows."""
WIDTH = 70
"""Characters of such a line."""


def ambiguous(hunk: Hunk, places: Sequence[int], *, path: str) -> EditError:
    """More than one place fits."""
    some = ", ".join(str(at + 1) for at in places[:6]) + (", ..." if len(places) > 6 else "")
    message = (
        f"{hunk.label} fits {path} at {len(places)} places (lines {some}). "
        "Show more unchanged lines around it, so that only one place fits."
    )
    return EditError(message, path=path, line=places[0] + 1, source=_first(hunk))


def mismatch(lines: Sequence[str], hunk: Hunk, *, path: str, near: int | None) -> EditError:
    """No place fits."""
    if not lines:
        message = f"{hunk.label} does not fit {path}: the file is empty."
        return EditError(message, path=path, line=hunk.start, source=_first(hunk))
    at, missing = _most_similar(lines, hunk, near)
    if at is None:
        message = (
            f"{hunk.label} does not fit {path}: its lines are not in the file. {_beginning(lines, near)}"
        )
        return EditError(message, path=path, line=hunk.start, source=_first(hunk))
    message = (
        f"{hunk.label} does not fit {path}: this line of it is not there. "
        f"The file has, from line {at + 1}:\n{_shown(lines, at, len(hunk.before))}\n"
        "Copy the lines that are to be changed exactly as they are."
    )
    return EditError(message, path=path, line=at + 1, source=missing)


def _most_similar(lines: Sequence[str], hunk: Hunk, near: int | None) -> tuple[int | None, str | None]:
    """Index of the window that shares most lines with the hunk, and the hunk's first line that differs there."""
    wanted = [text.strip() for text in hunk.before]
    known = set(filter(None, wanted))
    scores: dict[int, int] = {}
    for at, line in enumerate(lines):
        if line.strip() in known:
            for start in (at - index for index, text in enumerate(wanted) if text == line.strip()):
                if start >= 0:
                    scores[start] = scores.get(start, 0) + 1
    if not scores:
        return None, None
    best = max(scores, key=lambda at: (scores[at], -abs(at - (near or 0))))
    window = [line.strip() for line in lines[best : best + len(wanted)]]
    window += ["\0"] * (len(wanted) - len(window))
    missing = next((hunk.before[i] for i, text in enumerate(wanted) if text != window[i]), _first(hunk))
    return best, missing


def _beginning(lines: Sequence[str], near: int | None) -> str:
    at = min(max((near or 0) - 1, 0), max(len(lines) - SHOWN, 0))
    return f"The file has, from line {at + 1}:\n{_shown(lines, at, SHOWN)}"


def _shown(lines: Sequence[str], at: int, size: int) -> str:
    shown = lines[at : at + min(size, SHOWN)]
    return "\n".join(f"{at + i:>5}| {line.rstrip()[:WIDTH]}" for i, line in enumerate(shown, 1))


def _first(hunk: Hunk) -> str | None:
    return next((text for text in hunk.before if text.strip()), None)
