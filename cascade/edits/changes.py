"""What an edit says: changes of files, made of hunks, and how it can fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from cascade.types import Diagnostic, Mode

Sign: TypeAlias = Literal[" ", "-", "+"]


class Line(NamedTuple):
    """One line of a hunk, without its line feed."""

    sign: Sign
    text: str
    is_open: bool = False
    """Marked as having no line feed (`\\ No newline at end of file`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunk:
    """One change within a file."""

    lines: tuple[Line, ...]
    """Context, removed and added lines, in their order."""
    label: str = "The hunk"
    """What the hunk is called in a message, such as `Hunk 2 (@@ -7,3 +7,4 @@)`."""
    start: int | None = None
    """The line (from 1) where it says that it stands; None where it does not say."""
    anchors: tuple[str, ...] = ()
    """Lines, such as the head of a function, that stand somewhere above it."""
    is_at_end: bool = False
    """Whether it says that it stands at the end of the file."""
    is_ordered: bool = True
    """Whether it stands below the hunk before it."""

    @property
    def before(self) -> tuple[str, ...]:
        """The lines that it expects in the file."""
        return tuple(line.text for line in self.lines if line.sign != "+")

    @property
    def added(self) -> tuple[str, ...]:
        """The lines that it brings."""
        return tuple(line.text for line in self.lines if line.sign == "+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happens to one file: `old` None makes a new one, `new` None deletes it, two paths rename it."""

    old: str | None
    new: str | None
    hunks: tuple[Hunk, ...] = ()
    mode: Mode | None = None
    """The mode that it gets; None: as before."""
    has_prefixes: bool = False
    """Whether the paths may carry git's prefixes (`a/`, `b/`)."""
    is_rename: bool = False
    """Whether the edit says itself that it renames; else two paths may be one file under two names."""
    is_copy: bool = False
    """Whether the old file stays."""

    @property
    def path(self) -> str:
        """The path to name it by."""
        return self.new or self.old or ""


class EditError(ValueError):
    """An edit cannot be read, or does not fit its files."""

    def __init__(
        self, message: str, *, path: str | None = None, line: int | None = None, source: str | None = None
    ) -> None:
        """path, line and source: the place in the file, as far as it is known."""
        super().__init__(message)
        self.path = path
        self.line = line
        self.source = source

    def diagnostic(self, code: str = "extract.patch") -> Diagnostic:
        """As a finding on the answer."""
        return Diagnostic(code=code, message=str(self), path=self.path, line=self.line, source=self.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """What edits come to: all of it, or nothing but errors."""

    files: Mapping[str, str] = field(default_factory=dict)
    """New and changed files by path."""
    deleted: tuple[str, ...] = ()
    """Paths of the files that are gone, those that were renamed included."""
    modes: Mapping[str, Mode] = field(default_factory=dict)
    """Modes that the edits give, by path."""
    errors: tuple[EditError, ...] = ()
    """Every hunk that does not fit. With an error, nothing is applied."""
