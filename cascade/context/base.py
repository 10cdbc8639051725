"""The words of a context: what is shown, what was left out, and the text that every request begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextSettings:
    """The settings of the config's section `project` that say what is shown."""

    globs: tuple[str, ...] = ()
    """Globs of the workspace's files; a task's own are used in their place."""
    most_tokens: int = 200_000
    """Tokens that the whole text may have, by our estimate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A file that is shown as it is."""

    path: str
    """Relative to the workspace, POSIX."""
    text: str
    """All of it."""
    sha256: str
    """Of its bytes, in hex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the first message of each request begins with."""

    text: str
    """The text: files in the order of their paths, then what was left out."""
    sha256: str
    """Of the text, in hex: its identity in the trace."""
    tokens: int
    """About how many tokens it has, rather too many than too few."""
    most_tokens: int = 0
    """How many tokens it has at most, whatever the tokenizer."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The shown files: their sha256 by path."""
    left_out: tuple[str, ...] = ()
    """What the globs name and the text does not show, one line each, with the reason."""
    left_out_files: int = 0
    """How many files that is: a line may stand for a folder."""
    unused: tuple[str, ...] = ()
    """Globs that name no file at all."""
