"""A patch applied to files, and one made of two versions of them: the front of `cascade.edits`."""

from __future__ import annotations

from collections.abc import Mapping

from cascade.edits.apply import apply_changes
from cascade.edits.begin_patch import is_begin_patch, parse_begin_patch
from cascade.edits.changes import Change, Edited, EditError
from cascade.edits.unified import is_unified, parse_unified

PatchError = EditError
"""A patch does not fit its files. `path`, `line` and `source` say where, as far as is known."""


def is_patch(text: str) -> bool:
    """Whether a text holds a unified diff, or a patch in the form of `apply_patch`."""
    return is_begin_patch(text) or is_unified(text)


def parse_patch(text: str) -> list[Change]:
    """The changes of a patch in either form; prose around it is passed over. Raises PatchError."""
    if is_begin_patch(text):
        return parse_begin_patch(text)
    return parse_unified(text, is_fenced=False)


def edit(patch: str, files: Mapping[str, str]) -> Edited:
    """Apply a patch: new texts, deleted paths and modes; or every hunk that does not fit, and nothing applied.

    files: the files as they stand, by path. A mapping may read them when it is asked.
    """
    try:
        return apply_changes(parse_patch(patch), files)
    except PatchError as error:
        return Edited(errors=(error,))


def apply_patch(patch: str, files: Mapping[str, str]) -> dict[str, str | None]:
    """The changed files by path (None: deleted).

    Raises PatchError, naming the file and the first hunk that does not fit; then nothing is applied.
    """
    edited = edit(patch, files)
    if edited.errors:
        raise edited.errors[0]
    return {**edited.files, **dict.fromkeys(edited.deleted)}
