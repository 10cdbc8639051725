"""Changes applied to files: all of them, or none and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cascade.edits.changes import Change, Edited, EditError
from cascade.edits.hunks import apply_hunks
from cascade.edits.resolve import resolve
from cascade.types import Mode


def apply_changes(changes: Iterable[Change], originals: Mapping[str, str]) -> Edited:
    """What the files are after the changes, which build on each other in their order.

    `originals` are the files as they stand, by path; they are read only where a change names them.
    """
    work = _Work(originals)
    for change in changes:
        work.take(change)
    return work.edited()


class _Work:
    """The files that have changed so far."""

    def __init__(self, originals: Mapping[str, str]) -> None:
        self._originals = originals
        self._texts: dict[str, str | None] = {}
        self._modes: dict[str, Mode] = {}
        self._errors: list[EditError] = []

    def take(self, change: Change) -> None:
        """Apply one change, or keep what is wrong with it."""
        try:
            self._apply(change)
        except EditError as error:
            self._errors.append(error)

    def edited(self) -> Edited:
        """The outcome."""
        if self._errors:
            return Edited(errors=tuple(self._errors))
        files = {path: text for path, text in self._texts.items() if text is not None}
        gone = tuple(path for path, text in self._texts.items() if text is None and path in self._originals)
        return Edited(files=files, deleted=gone, modes=self._modes)

    def _apply(self, change: Change) -> None:
        old, new = resolve(change, self._exists, known=self._originals)
        if new is not None:
            text = "" if old is None else self._text(old)
            self._texts[new] = apply_hunks(text, change.hunks, path=new)
        if old is not None and old != new and not change.is_copy:
            self._texts[old] = None
        if new is not None and change.mode is not None:
            self._modes[new] = change.mode

    def _exists(self, path: str) -> bool:
        return self._texts[path] is not None if path in self._texts else path in self._originals

    def _text(self, path: str) -> str:
        return self._texts.get(path) or self._originals.get(path, "")
