"""Thoughts apart from the text while it streams. The last word has `cascade.thoughts`, once the text is whole."""

from __future__ import annotations

import re

from cascade.thoughts import CLOSING, OPENING

LONGEST_TAG = 64  # characters that are held back until it is clear whether they are a tag
_BLANK = " \t\r\n\ufeff"
_FENCE = re.compile(r"[ \t]*(?:```|~~~)")
_FIRST = "<[◁"  # what tags begin with


class ThoughtStream:
    """Takes a text in parts, and gives out what is text and what is thought as soon as that is certain.

    unopened: the endpoint is known to leave out the opening tag, so that nothing is certain before the closing one.
    """

    def __init__(self, *, unopened: bool = False) -> None:
        self._held = ""
        self._thinks = unopened
        self._unopened = unopened
        self._at_start = True
        self._begun = self._after_thought = False
        self._fenced = False

    def feed(self, part: str) -> tuple[str, str]:
        """The new text and the new thought."""
        self._held += part
        text = thought = ""
        while self._held:
            before = self._held
            if self._thinks:
                thought += self._thought()
            else:
                text += self._text()
            if self._held == before:
                break
        return text, thought

    def end(self) -> tuple[str, str]:
        """What was held back, as it has to be taken now that nothing more comes."""
        held, self._held = self._held, ""
        return ("", held) if self._thinks and not self._unopened else (held, "")

    def _thought(self) -> str:
        tag = CLOSING.search(self._held)
        if tag is not None:
            said, self._held = self._held[: tag.start()], self._held[tag.end() :]
            self._thinks = self._unopened = False
            self._at_start = self._after_thought = True
            return said
        if self._unopened:
            opening = OPENING.match(self._held.lstrip(_BLANK))
            if opening is None:
                return ""
            self._held, self._unopened = self._held.lstrip(_BLANK)[opening.end() :], False
        starts = [at for first in _FIRST if (at := self._held.rfind(first, -LONGEST_TAG)) >= 0]
        end = min(starts, default=len(self._held))
        said, self._held = self._held[:end], self._held[end:]
        return said

    def _text(self) -> str:
        if self._at_start and not self._fenced and self._begins_thought():
            return ""
        if self._after_thought and not self._begun:
            self._held = self._held.lstrip(_BLANK)
        line, newline, rest = self._held.partition("\n")
        if self._at_start and not newline and _undecided(line):
            return ""
        if self._at_start and _FENCE.match(line):
            self._fenced = not self._fenced
        self._at_start, self._begun = bool(newline), True
        self._held = rest
        return line + newline

    def _begins_thought(self) -> bool:
        """Whether a thought begins here; blanks before it are dropped with its tag."""
        stripped = self._held.lstrip(_BLANK)
        tag = OPENING.match(stripped)
        if tag is not None:
            self._thinks = True
            self._held = stripped[tag.end() :]
        return tag is not None


def _undecided(line: str) -> bool:
    """Whether the beginning of a line may become a tag, or a code fence."""
    stripped = line.lstrip(_BLANK)
    if not stripped or "``".startswith(stripped) or "~~".startswith(stripped):
        return True
    return stripped[0] in _FIRST and len(stripped) < LONGEST_TAG and not OPENING.match(stripped)
