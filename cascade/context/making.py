"""From the files of a workspace to a context: what fits is shown, what does not is named."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from cascade.context.base import Context, Shown
from cascade.context.reading import read
from cascade.context.rendering import file_block, lines_of, render
from cascade.context.tree import Entry
from cascade.errors import InputError
from cascade.globs import Globs
from cascade.tokens import estimate_tokens
from cascade.tokens import most_tokens as bound_of

TOO_LONG = "too long for the tokens that are left"
# By our estimate a token is three ASCII characters, or one other of four bytes at most.
MOST_BYTES_PER_TOKEN = 4
FENCES = 8  # characters around a file, its path left out
LISTED = 20  # one token in so many is kept for the names of what does not fit


def make(root: Path, found: Sequence[Entry], globs: Sequence[str], *, most_tokens: int) -> Context:
    """Choose and read. Where not all fits, files of an earlier glob come first, of one glob in the order of paths.

    Raises InputError if the globs name nothing, in a workspace that is not empty.
    """
    unused = _unused(found, globs)
    if not found:
        _refuse_nothing(root, globs)
    room = most_tokens - most_tokens // LISTED
    shown, left_out = _chosen(root, _by_rank(found, globs), room)
    shown.sort(key=lambda one: one.path.split("/"))
    left_out.sort(key=lambda one: one[0].split("/"))
    lines = lines_of(left_out)
    text = render(shown, lines)
    while lines and estimate_tokens(text) > most_tokens:
        lines = lines_of(left_out, most=len(lines) // 2) if len(lines) > 1 else ()
        text = render(shown, lines)
    return Context(
        text=text,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        tokens=estimate_tokens(text),
        most_tokens=bound_of(text),
        files={one.path: one.sha256 for one in shown},
        left_out=lines_of(left_out),
        left_out_files=len(left_out),
        unused=unused,
    )


def _by_rank(found: Sequence[Entry], globs: Sequence[str]) -> list[Entry]:
    """Files of earlier globs first; `found` is in the order of paths."""
    rules = [Globs.of([glob]) for glob in globs if not glob.startswith("!")]
    if len(rules) < 2:
        return list(found)
    return sorted(
        found, key=lambda entry: next((n for n, rule in enumerate(rules) if rule.take(entry.path)), 0)
    )


def _chosen(root: Path, ranked: Sequence[Entry], room: int) -> tuple[list[Shown], list[tuple[str, int, str]]]:
    shown: list[Shown] = []
    left_out: list[tuple[str, int, str]] = []
    for entry in ranked:
        one = _readable(root, entry, room)
        needs = 0 if isinstance(one, str) else estimate_tokens(file_block(one.path, one.text)) + 1
        if isinstance(one, str):
            left_out.append((entry.path, entry.size, one))
        elif needs > room:
            left_out.append((entry.path, entry.size, TOO_LONG))
        else:
            shown.append(one)
            room -= needs
    return shown, left_out


def _readable(root: Path, entry: Entry, room: int) -> Shown | str:
    if entry.why_not:
        return entry.why_not
    left = room - (len(entry.path) + FENCES) // 3
    if entry.size > left * MOST_BYTES_PER_TOKEN:
        return TOO_LONG
    return read(root, entry.path, most_bytes=left * MOST_BYTES_PER_TOKEN)


def _unused(found: Sequence[Entry], globs: Sequence[str]) -> tuple[str, ...]:
    wanted = [glob for glob in globs if not glob.startswith("!")]
    return tuple(glob for glob in wanted if not any(map(Globs.of([glob]).take, (one.path for one in found))))


def _refuse_nothing(root: Path, globs: Sequence[str]) -> None:
    """A pattern that is misspelt must not silently show nothing; an empty workspace has nothing to show."""
    there = sorted(path.name + "/" * path.is_dir() for path in root.iterdir() if path.name != ".git")
    if there:
        raise InputError(
            f"the context {', '.join(globs)} names no file in the workspace {str(root)!r}",
            hint=f"patterns are relative to it; it holds {', '.join(there[:8])}{', ...' if there[8:] else ''}",
        )
