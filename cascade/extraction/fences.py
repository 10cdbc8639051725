"""Fenced code blocks as models write them.

CommonMark's rules, and what models do besides: a fence at the end of a line of prose, indented below a list, closed
at the end of a line of code, or within a file that holds fences itself.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from cascade.extraction.paths import LEAD_LINES, path_of

_OPENING = re.compile(r"^(?P<lead>.*?)(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^`]*)$")
_MARKDOWN = frozenset({"markdown", "md", "mdx", "rst", "text", "txt"})
_PYTHON = frozenset({"python", "py", "python3"})
_DIFF = frozenset({"diff", "patch", "udiff"})
_LIST = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+$")
_QUOTE = re.compile(r"^\s*>\s?")
_MOST_TRIES = 12


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language, the path that stands with it if any, its text."""

    language: str
    path: str | None
    text: str
    lead: str = ""
    """The line of prose above it."""
    is_closed: bool = True


@dataclass(frozen=True, slots=True)
class _Fence:
    """An opening fence: where it stands, and what it is made of."""

    indent: int
    mark: str
    info: str
    prefix: str
    """Text before it on its line."""
    quote: bool

    @property
    def language(self) -> str:
        """The first word of its info line, without a path that is glued to it."""
        words = re.split(r"[\s:{,]", self.info.strip(), maxsplit=1)
        return words[0].lower()


def blocks(text: str, *, known: Collection[str] = ()) -> list[Block]:
    """The fenced code blocks of an answer, in order. known: paths of the task, which count wherever they stand."""
    return [block for _, block in _parts(_lines(text), known) if block is not None]


def outside(text: str) -> str:
    """An answer without its fenced blocks."""
    return "\n".join(line for line, block in _parts(_lines(text), ()) if block is None)


def _lines(text: str) -> list[str]:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")


def _parts(lines: list[str], known: Collection[str]) -> Iterator[tuple[str, Block | None]]:
    """The lines of prose, each with None, and the blocks, in their order."""
    at = 0
    above: list[str] = []
    while at < len(lines):
        fence = _opening(lines[at])
        end, how = (0, "") if fence is None else _end(lines, at + 1, fence)
        if fence is None or (fence.prefix and not how):
            above.append(lines[at])
            yield lines[at], None
            at += 1
            continue
        lead = [line for line in [*above, fence.prefix] if line.strip()][-LEAD_LINES:]
        yield "", _block(lines[at + 1 : end + (how == "glued")], fence, lead, known, how)
        above = []
        if how == "both":
            lines[end] = lines[end].strip()[len(fence.mark) :]
        at = end + (how in ("fence", "glued"))


def _block(lines: list[str], fence: _Fence, lead: list[str], known: Collection[str], how: str) -> Block:
    if how == "glued":
        lines[-1] = lines[-1].rstrip().removesuffix(fence.mark)
    elif not how and lines and not lines[-1]:
        lines.pop()  # the end of the answer, not a line of the block
    content = _content(lines, fence)
    path = path_of(fence.info.strip(), lead, content, known=known)
    return Block(fence.language, path, content, lead[-1] if lead else "", is_closed=how != "")


def _opening(line: str) -> _Fence | None:
    """The fence that a line opens: alone on it, or at its end after prose."""
    match = _OPENING.match(line)
    if match is None:
        return None
    lead, info = match["lead"], match["info"]
    quote = bool(_QUOTE.match(lead)) and not lead.strip(" >")
    if quote or not lead.strip() or _LIST.match(lead):
        return _Fence(len(lead), match["fence"], info, "", quote)
    is_code = "```" in lead or match["fence"][0] == "~" or len(info.split()) > 2
    if is_code or not re.fullmatch(r"[\w+#.:/\-=\"' ]*", info.strip()):
        return None  # code within a line
    return _Fence(0, match["fence"], info, lead.strip(), quote=False)


def _end(lines: list[str], start: int, fence: _Fence) -> tuple[int, str]:
    """The line that ends a block, and how: by a `fence`, `both` (another opens on it), `glued` to code, or not."""
    nested = 0
    first: int | None = None
    for at in range(start, len(lines)):
        line = _unquoted(lines[at], fence)
        kind = _kind(line, fence)
        if kind == "both" and not nested:
            return at, "both"
        if kind == "open" or (kind == "close" and not nested and _opens_inside(lines, at, fence)):
            nested += 1
        elif kind == "close":
            first = at if first is None else first
            if not nested:
                return _beyond_strings(lines, start, at, fence), "fence"
            nested -= 1
    if first is not None and fence.language not in _MARKDOWN:
        return _beyond_strings(lines, start, first, fence), "fence"
    for at in range(start, len(lines)):
        if re.search(r"[^`\s]\s*" + re.escape(fence.mark) + r"\s*$", lines[at]):
            return at, "glued"
    return len(lines), ""


def _kind(line: str, fence: _Fence) -> str:
    """What a line within a block is to its fence: `close`, `open`, `both`, or nothing."""
    stripped = line.strip()
    if not stripped.startswith(fence.mark):
        return ""
    indent = len(line) - len(line.lstrip())
    if indent > fence.indent + (0 if fence.language in _DIFF else 3):
        return ""
    marks = len(stripped) - len(stripped.lstrip(fence.mark[0]))
    info = stripped[marks:].strip()
    if not info:
        return "close"
    if marks >= 2 * len(fence.mark) and "`" not in info:
        return "both"
    return "open" if "`" not in info and re.fullmatch(r"[\w+#.:/\-=\"'{}\[\], ]+", info) else ""


def _opens_inside(lines: list[str], at: int, fence: _Fence) -> bool:
    """Whether a bare fence opens a block of the file that is written, a Markdown text: text follows at once."""
    if fence.language not in _MARKDOWN:
        return False
    below = lines[at + 1 : at + 2]
    if not below or not below[0].strip() or _kind(below[0], fence):
        return False
    return any(_kind(line, fence) == "close" for line in lines[at + 2 :])


def _beyond_strings(lines: list[str], start: int, end: int, fence: _Fence) -> int:
    """The end of a Python block whose fence stands within a string: the first one at which the code parses."""
    if fence.language not in _PYTHON or not _in_string("\n".join(lines[start:end])):
        return end
    tries = 0
    for at in range(end + 1, len(lines)):
        if _kind(lines[at], fence) != "close":
            continue
        tries += 1
        if parses("\n".join(lines[start:at])):
            return at
        if tries >= _MOST_TRIES:
            break
    return end


def _in_string(code: str) -> bool:
    """Whether Python code ends within a string of several lines."""
    try:
        ast.parse(code)
    except SyntaxError as error:
        return "unterminated triple-quoted" in str(error.msg)
    except (ValueError, RecursionError, MemoryError):
        return False
    return False


def parses(code: str) -> bool:
    """Whether code is Python."""
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _unquoted(line: str, fence: _Fence) -> str:
    return _QUOTE.sub("", line) if fence.quote else line


def _content(lines: list[str], fence: _Fence) -> str:
    """The text of a block, without the indentation that it shares with its fence."""
    texts = [_unquoted(line, fence) for line in lines]
    blanks = [len(text) - len(text.lstrip(" ")) for text in texts if text.strip()]
    indent = 0 if fence.quote else min([fence.indent, *blanks])
    return "".join(f"{text[indent:] if text.strip() else text.strip(' ')}\n" for text in texts)
