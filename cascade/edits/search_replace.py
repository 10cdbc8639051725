"""SEARCH/REPLACE blocks, as aider and its kin have them: several a file, in fences or not."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from cascade.edits.changes import Change, EditError, Hunk, Line
from cascade.edits.hunks import hunk_of

_SEARCH = re.compile(r"^\s*(?:<{5,9}\s*(?:SEARCH|ORIGINAL)>?|-{5,9}\s*SEARCH)\s*(?P<path>\S.*)?$")
_DIVIDER = re.compile(r"^\s*={5,9}\s*$")
_REPLACE = re.compile(r"^\s*(?:>{5,9}\s*(?:REPLACE|UPDATED)|\+{5,9}\s*REPLACE)\b.*$")
_START = re.compile(r"^\s*:start_line:\s*(\d+)\s*$")
_FENCE = re.compile(r"^\s*(?:`{3,}|~{3,})(?P<info>.*)$")
_IS = re.compile(r"^[ \t]*(?:<{5,9}\s*(?:SEARCH|ORIGINAL)|-{5,9}\s*SEARCH)", re.M)
_EMPTY_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n`]*\n(?:\s*\n)*[ \t]*\1[ \t]*$\n?", re.M)
PathOf = Callable[[str], str | None]


def is_search_replace(text: str) -> bool:
    """Whether a text holds such a block."""
    return _IS.search(text) is not None


@dataclass(slots=True)
class _Block:
    path: str | None
    search: list[str] = field(default_factory=list)
    replace: list[str] = field(default_factory=list)
    start: int | None = None


def parse_search_replace(
    text: str, *, path_of: PathOf, target: str | None = None
) -> tuple[list[Change], str]:
    """The changes of an answer's blocks, and the answer without them.

    path_of: the path that a line names, or None. target: the file of blocks above which no path stands.

    Raises EditError where a block is not complete, or names no file.
    """
    reader = _Reader(text.split("\n"), path_of, target)
    reader.read()
    return _changes(reader.blocks), _EMPTY_FENCE.sub("", "\n".join(reader.rest))


class _Reader:
    def __init__(self, lines: list[str], path_of: PathOf, target: str | None) -> None:
        self._lines = lines
        self._path_of = path_of
        self._target = target
        self._at = 0
        self.rest: list[str] = []
        self.blocks: list[_Block] = []

    def read(self) -> None:
        while self._at < len(self._lines):
            line = self._lines[self._at]
            self._at += 1
            match = _SEARCH.match(line)
            if match is None:
                self.rest.append(line)
            else:
                self._block(match["path"])

    def _block(self, beside: str | None) -> None:
        number = len(self.blocks) + 1
        path = (beside and self._path_of(beside)) or self._above()
        path = path or (self.blocks[-1].path if self.blocks else None) or self._target
        block = _Block(path)
        for ending, lines in ((_DIVIDER, block.search), (_REPLACE, block.replace)):
            while not ending.match(self._peek(number)):
                lines.append(self._lines[self._at])
                self._at += 1
            self._at += 1
        _take_start(block)
        if block.path is None:
            message = (
                f"SEARCH/REPLACE block {number} names no file. Write its path on the line above the block."
            )
            raise EditError(message, source=next(iter(block.search), None))
        self.blocks.append(block)

    def _peek(self, number: int) -> str:
        if self._at >= len(self._lines):
            message = (
                f"SEARCH/REPLACE block {number} is not complete: it needs `=======` and `>>>>>>> REPLACE`."
            )
            raise EditError(message, path=self.blocks[-1].path if self.blocks else None)
        return self._lines[self._at]

    def _above(self) -> str | None:
        """The path in the lines above the block: at most three that are not blank, its fence among them."""
        seen = 0
        for index in range(len(self.rest) - 1, -1, -1):
            line = self.rest[index]
            if not line.strip():
                continue
            fence = _FENCE.match(line)
            if fence is not None and seen and not fence["info"].strip():
                return None  # the end of the block before
            path = self._in_info(fence["info"]) if fence is not None else self._path_of(line)
            if path is not None:
                if fence is None:
                    del self.rest[index]
                return path
            seen += 1
            if seen == 3:
                return None
        return None

    def _in_info(self, info: str) -> str | None:
        words = info.strip().replace(":", " ").split()
        return next(
            (path for word in words if "." in word and (path := self._path_of(word)) is not None), None
        )


def _take_start(block: _Block) -> None:
    """Roo's line number and its rule above the SEARCH lines."""
    match = _START.match(block.search[0]) if block.search else None
    if match is not None:
        block.start = int(match[1])
        rule = 2 if block.search[1:2] and re.fullmatch(r"-{5,9}\s*", block.search[1]) else 1
        del block.search[:rule]


def _changes(blocks: list[_Block]) -> list[Change]:
    changes = []
    for number, block in enumerate(blocks, 1):
        assert block.path is not None, "a block without a path was refused"
        label = f"SEARCH/REPLACE block {number}"
        if not any(line.strip() for line in block.search):
            hunk = Hunk(lines=tuple(Line("+", line) for line in block.replace), label=label, is_ordered=False)
        else:
            hunk = hunk_of(block.search, block.replace, label=label, start=block.start)
        changes.append(Change(old=block.path, new=block.path, hunks=(hunk,)))
    return changes
