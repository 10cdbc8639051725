"""Which files a change means: prefixes, new names, and what to say of a file that does not exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import PurePosixPath

from cascade.edits.changes import Change, EditError

_PREFIXES = ("a/", "b/", "i/", "w/", "c/", "o/", "old/", "new/")
Exists = Callable[[str], bool]


def resolve(change: Change, exists: Exists, *, known: Iterable[str]) -> tuple[str | None, str | None]:
    """The file that is read and the file that is written, as paths; None: nowhere.

    Raises EditError where the file that it changes does not exist, or two files may be meant.
    """
    old = None if change.old is None else _path(change.old, exists, change)
    new = None if change.new is None else _path(change.new, exists, change)
    if change.old is not None and change.new is not None and _is_pair(change):
        new = change.new if old == change.old else change.new[2:]
    if old is None or old == new:
        return _edited(old, new, change, exists, known)
    if new is not None and not (change.is_rename or change.is_copy):
        if not exists(old):
            return _edited(new, new, change, exists, known)
        if exists(new):
            message = (
                f"The edit names two files, {old} and {new}, which both exist. Name the one that it changes."
            )
            raise EditError(message, path=new)
    if not exists(old):
        raise missing(old, known)
    if new is not None and exists(new):
        raise EditError(f"The edit moves {old} to {new}, which exists already.", path=new)
    return old, new


def _edited(
    old: str | None, new: str | None, change: Change, exists: Exists, known: Iterable[str]
) -> tuple[str | None, str | None]:
    """One file, which is new where the edit only adds lines."""
    if old is None or exists(old):
        return old, new
    if change.hunks and not any(hunk.before for hunk in change.hunks):
        return None, new
    raise missing(old, known)


def _path(name: str, exists: Exists, change: Change) -> str:
    """The path of a name that may carry a prefix of git's: the one that exists, else without the prefix."""
    name = name.removeprefix("./")
    names = [name]
    if change.has_prefixes and name.startswith(_PREFIXES):
        names.insert(0, name.partition("/")[2])
    names += [each.replace("\\", "/") for each in names]
    normal = [str(PurePosixPath(each)) if each else each for each in names]
    if change.old is None:
        exists = _nowhere  # a new file, whatever exists under its name with the prefix
    return next((path for path in normal if exists(path)), normal[len(normal) // 2])


def _is_pair(change: Change) -> bool:
    """Whether both names carry git's prefixes: then both are read with them, or both without."""
    named = change.has_prefixes and change.old is not None and change.new is not None
    return named and (change.old or "").startswith("a/") and (change.new or "").startswith("b/")


def _nowhere(_path: str) -> bool:
    return False


def missing(path: str, known: Iterable[str]) -> EditError:
    """The edit's file does not exist: which ones may be meant."""
    paths = sorted(known)
    name = PurePosixPath(path).name
    similar = [each for each in paths if PurePosixPath(each).name == name] or get_close_matches(
        path, paths, 5
    )
    if similar:
        hint = f"Did you mean {' or '.join(similar[:5])}?"
    elif len(paths) <= 10:
        hint = f"Known files: {', '.join(paths) or 'none'}."
    else:
        hint = "To make a new file, reply with its complete content."
    return EditError(f"The edit changes {path}, which does not exist. {hint}", path=path)
