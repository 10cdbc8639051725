"""A model's thoughts, told apart from its answer where an endpoint leaves both in one text.

Reasoning models write `<think>...</think>` before (or between) the words that they mean to say. Chat templates that
put the opening tag into the prompt leave the closing one only. What stands in an open code fence is never a tag: a
file may well hold one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# No words that an answer may be asked for as XML (<analysis>, <reflection>): those are its text.
_WORDS = "think|thinking|thought|thoughts|reasoning|scratchpad|inner_monologue|antthinking"
# Opening and closing tags. A closing tag ends any thought: models mix their spellings.
_OPEN = rf"""
    <(?:[\w-]+:)?(?:{_WORDS})(?:\s[^<>]*)?>     # <think>, <thinking>, <seed:think>, <reasoning effort="high">
  | \[(?:THINK|THINKING|REASONING)\]            # Mistral
  | ◁think▷                                     # Kimi
  | <\|(?:begin_of_thought|START_THINKING|begin_of_thinking|thinking|think)\|>
  | (?:<\|start\|>assistant)?<\|channel\|>(?:analysis|commentary)\b[^<]*<\|message\|>     # harmony
  | <\|channel>thought\b | <unused94>(?:thought\b)?                                       # Gemma
"""
_CLOSE = rf"""
    </(?:[\w-]+:)?(?:{_WORDS})\s*>
  | \[/(?:THINK|THINKING|REASONING)\]
  | ◁/think▷
  | <\|(?:end_of_thought|END_THINKING|end_of_thinking|/thinking|/think)\|>
  | <\|end\|> | (?:<\|end\|>)?(?:<\|start\|>assistant)?<\|channel\|>final\b[^<]*<\|message\|>
  | <channel\|> | <unused95>
"""
# What wraps the answer itself: it is neither a thought nor text.
_WRAP = re.compile(
    r"(?:<\|start\|>assistant)?<\|channel\|>final\b[^<]*<\|message\|>"
    r"|<\|(?:return|START_RESPONSE|END_RESPONSE|begin_of_solution|end_of_solution)\|>",
    re.I,
)
OPENING = re.compile(_OPEN, re.VERBOSE | re.IGNORECASE)
"""A tag that begins a thought."""
CLOSING = re.compile(_CLOSE, re.VERBOSE | re.IGNORECASE)
"""A tag that ends a thought."""
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})(.*)")
_BLANK = " \t\r\n\ufeff"
_QUOTES = ("'", '"', "`")


def split_thoughts(text: str) -> tuple[str, str]:
    """The thoughts of a model's text, and the answer without them.

    A thought that never ends takes the rest of the text. A text without thoughts comes back as it is.
    """
    if not CLOSING.search(text) and not OPENING.search(text):
        return "", text
    thoughts, answer = _after_unopened(text)
    kept: list[str] = []
    for is_thought, part in _parts(answer):
        (thoughts if is_thought else kept).append(part)
    if not thoughts:
        return "", text
    return "\n".join(part.strip() for part in thoughts if part.strip()), _WRAP.sub("", "".join(kept)).lstrip(
        _BLANK
    )


def _after_unopened(text: str) -> tuple[list[str], str]:
    """What stands before a closing tag that nothing opened, and what stands after it."""
    inside = _Fences()
    at = 0
    for line in _split(text):
        fenced = inside.take(line)
        for tag in CLOSING.finditer(line):
            if OPENING.search(text[: at + tag.start()]):
                return [], text
            if not fenced and not _quoted(line, tag):
                return [text[: at + tag.start()]], text[at + tag.end() :]
        at += len(line)
    return [], text


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """The text in order, each part with whether it is a thought."""
    rest = text
    while rest:
        tag = _opening(rest)
        if tag is None:
            yield False, rest
            return
        yield False, rest[: tag.start()]
        closing = _closing(rest, tag.end())
        yield True, rest[tag.end() : closing.start()] if closing else rest[tag.end() :]
        rest = rest[closing.end() :] if closing else ""


def _opening(text: str) -> re.Match[str] | None:
    """The first opening tag at the start of a line that no code fence encloses."""
    inside = _Fences()
    at = 0
    for line in _split(text):
        start = at + len(line) - len(line.lstrip(_BLANK))
        tag = OPENING.match(text, start)
        if not inside.take(line) and tag is not None:
            return tag
        at += len(line)
    return None


def _closing(text: str, start: int) -> re.Match[str] | None:
    """The end of a thought: the first closing tag that is not quoted, after thoughts within it have ended."""
    depth = 0
    for line_start, line in _lines(text, start):
        tags = [*OPENING.finditer(line), *CLOSING.finditer(line)]
        for tag in sorted(tags, key=lambda tag: tag.start()):
            if _quoted(line, tag):
                continue
            depth += 1 if OPENING.fullmatch(tag[0]) else -1
            if depth < 0:
                return CLOSING.match(text, line_start + tag.start())
    return CLOSING.search(text, start)


def _lines(text: str, start: int) -> Iterator[tuple[int, str]]:
    for line in _split(text[start:]):
        yield start, line
        start += len(line)


def _split(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _quoted(line: str, tag: re.Match[str]) -> bool:
    """Whether a tag is only spoken of: `</think>` in quotes or as code."""
    before, after = line[: tag.start()], line[tag.end() :]
    return (before[-1:] in _QUOTES and not before.endswith("```")) or (
        after[:1] in _QUOTES and not after.startswith("```")
    )


class _Fences:
    """Follows code fences line by line."""

    def __init__(self) -> None:
        self._open = ""

    def take(self, line: str) -> bool:
        """Whether the line stands within a fence, its closing line included."""
        fence = _FENCE.match(line)
        if self._open:
            if fence and fence[1].startswith(self._open) and not fence[2].strip():
                self._open = ""
            return True
        if fence and "`" not in fence[2]:
            self._open = fence[1]
        return False
