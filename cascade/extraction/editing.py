"""The edits of an answer, in fences or not (diffs, patches, SEARCH/REPLACE blocks), and what is left beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from cascade.edits.apply import apply_changes
from cascade.edits.begin_patch import is_begin_patch, parse_begin_patch
from cascade.edits.changes import Change, Edited, EditError
from cascade.edits.search_replace import is_search_replace, parse_search_replace
from cascade.edits.unified import is_hunks, is_unified, parse_unified
from cascade.extraction.fences import Block, blocks, outside
from cascade.extraction.paths import clean, path_in_line
from cascade.types import Task

_DIFF = frozenset({"diff", "patch", "udiff"})


@dataclass(frozen=True, slots=True)
class Editing:
    """The changes that an answer's edits make, in their order."""

    changes: tuple[Change, ...] = ()
    errors: tuple[EditError, ...] = field(default_factory=tuple)
    """Edits that cannot be read."""

    def without(self, paths: Iterable[str]) -> Editing:
        """Only the changes of other files."""
        written = set(paths)
        return replace(self, changes=tuple(c for c in self.changes if not written & _paths(c)))

    def applied(self, originals: Mapping[str, str]) -> Edited:
        """What they come to: all of them, or their errors."""
        if self.errors:
            return Edited(errors=self.errors)
        return apply_changes(self.changes, originals)


def _paths(change: Change) -> set[str]:
    """The names that a change may mean, when it neither renames nor deletes."""
    if change.new is None or (change.old not in (None, change.new) and not change.has_prefixes):
        return set()
    name = clean(change.new)
    return {name, name.partition("/")[2]} if change.has_prefixes else {name}


def read_edits(answer: str, task: Task) -> tuple[Editing, list[Block]]:
    """The edits of an answer, and its code blocks that are none."""
    known = known_paths(task)
    changes: list[Change] = []
    errors: list[EditError] = []
    if _is_nothing_but_a_patch(answer):
        _collect(answer, Block("", None, answer), task, (changes, errors), is_fenced=False)
        return Editing(tuple(changes), tuple(errors)), []
    if is_search_replace(answer):
        try:
            parsed, answer = parse_search_replace(
                answer, path_of=lambda line: path_in_line(line, known), target=_only(task)
            )
            changes += parsed
        except EditError as error:
            return Editing(errors=(error,)), []
    found = blocks(answer, known=known)
    left = []
    for block in found:
        if _is_edit(block):
            _collect(block.text, block, task, (changes, errors), is_fenced=True)
        else:
            left.append(block)
    beside = outside(answer)
    if not changes and not errors and (is_begin_patch(beside) or is_unified(beside)):
        _collect(beside, Block("", None, beside), task, (changes, errors), is_fenced=False)
    return Editing(tuple(changes), tuple(errors)), left


def known_paths(task: Task) -> frozenset[str]:
    """The paths that the task names."""
    return frozenset({*task.files, *([task.target] if task.target else [])})


def _only(task: Task) -> str | None:
    """The file that is meant where none is named."""
    if task.target:
        return task.target
    return next(iter(task.files)) if len(task.files) == 1 else None


def _is_nothing_but_a_patch(answer: str) -> bool:
    first, _, rest = answer.lstrip("\n").partition("\n")
    if first.startswith(("*** Begin Patch", "diff --git ")):
        return True
    return first.startswith("--- ") and rest.startswith("+++ ")


def _is_edit(block: Block) -> bool:
    """Whether a block is a diff: by its language, or by what it begins with."""
    text = block.text.lstrip("\n")
    if _is_nothing_but_a_patch(text) or text.startswith("Index: "):
        return True
    if block.language in _DIFF:
        names_patch_file = block.path is not None and block.path.endswith((".diff", ".patch"))
        return not names_patch_file and (is_unified(text) or is_begin_patch(text) or is_hunks(text))
    loose = block.language in ("", "text", "txt") or block.path is None
    return loose and (is_begin_patch(text) or (text.startswith("@@ ") and is_hunks(text)))


def _collect(
    text: str, block: Block, task: Task, into: tuple[list[Change], list[EditError]], *, is_fenced: bool
) -> None:
    changes, errors = into
    try:
        if is_begin_patch(text):
            new = parse_begin_patch(text)
        else:
            new = parse_unified(text, path=block.path or _only(task), is_fenced=is_fenced)
    except EditError as error:
        errors.append(error)
        return
    changes += [change for change in new if change not in changes]
