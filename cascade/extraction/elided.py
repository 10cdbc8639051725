"""Code that an answer left out: comments that stand for it, such as `# ... existing code ...`."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator

_COMMENT = re.compile(r"^\s*(?:#+|//+|--+|/\*+|<!--|;+|%+|\{/\*|\*)\s*(?P<words>.*?)\s*(?:\*/\}?|-->)?\s*$")
_DOTS = r"(?:\.\.\.|…)"
_WHAT = (
    r"(?:code|methods?|functions?|class(?:es)?|imports?|implementations?|logic|content|contents|file|module|tests?|"
    r"fields?|properties|definitions?|lines?|parts?|stuff|body|routes?|handlers?|helpers?|cases?|script|program)"
)
_WHICH = r"(?:existing|previous|original|other|remaining|unchanged|same|earlier|rest\ of(?:\ the|\ your)?)"
_STAYS = (
    r"(?:unchanged|the\ same|same\ as\ before|as\ before|as\ is|omitted|here|unmodified|untouched|"
    r"remains?|stays?)"
)
_ELIDED = re.compile(
    rf"""^\W*(?:
        {_DOTS}\W*                                                  # ...
      | {_DOTS}[\s(\[<]+(?:[\w'-]+\W+){{0,3}}?                      # ... the other methods
          (?:{_WHICH}|{_WHAT}|unchanged|same|omitted|rest|more|here)\b(?:\W+[\w'-]+){{0,5}}\W*
      | (?:\w+\ ){{0,2}}(?:{_WHICH}|rest)(?:\ [\w'/-]+){{0,5}}[\ )\]>]*{_DOTS}\W*    # existing code ...
      | (?:the\ |your\ |all\ )*(?:rest|remainder)\ of\ (?:the\ |your\ |this\ )?(?:\w+\ ){{0,2}}{_WHAT}
          (?:\ (?:is|are|it|remains?|stays?|goes))*(?:\ {_STAYS})?\W*        # rest of the code
      | (?:the\ |your\ |all\ )*(?:rest|remainder)(?:\ (?:is|are|it|remains?|stays?|goes))*\ {_STAYS}\W*
      | (?:the\ |your\ |all\ |keep\ )*{_WHICH}\ (?:\w+\ ){{0,2}}{_WHAT}
          (?:\ (?:is|are|remains?|stays?|goes|the))*\ +{_STAYS}\W*          # other methods remain unchanged
      | (?:existing|previous|original|unchanged)\ (?:\w+\ )?(?:code|methods|functions|implementation|imports|logic)\W*
      | (?:\w+\ )?{_WHAT}\ (?:is\ |are\ |remains?\ |stays?\ )*(?:unchanged|omitted|(?<=ns\ )the\ same|as\ before)\b
          (?:\ for\ \w+)?\W*                                     # body unchanged
      | (?:keep|leave)\ (?:the\ |your\ |all\ |other\ )*{_WHICH}\ (?:\w+\ )?{_WHAT}(?:\ {_STAYS})?\W*
      | \(?(?:unchanged|omitted|snip(?:ped)?|no\ changes?)\)?\W*
      | same\ as\ (?:before|above|the\ original)\W*
    )$""",
    re.VERBOSE | re.IGNORECASE,
)
_PROSE = (".md", ".mdx", ".rst", ".txt", ".csv", ".tsv")


def elided_line(text: str, path: str, *, original: str = "") -> tuple[int, str] | None:
    """The first line (from 1) that stands for code left out, and its text; None where there is none.

    A comment that the original file has itself is none.
    """
    if path.lower().endswith(_PROSE):
        return None
    had = {line.strip() for line in original.split("\n")}
    for number, words, line in _comments(text, path):
        if line.strip() not in had and _ELIDED.match(words):
            return number, line
    return None


def _comments(text: str, path: str) -> Iterator[tuple[int, str, str]]:
    """Line number, words and line of every comment that has a line for itself."""
    lines = text.split("\n")
    numbers = _python_comments(text) if path.endswith((".py", ".pyi")) else None
    for number, line in enumerate(lines, 1):
        match = _COMMENT.match(line[:200]) if numbers is None or number in numbers else None
        if match is not None and match["words"]:
            yield number, match["words"], line


def _python_comments(text: str) -> frozenset[int] | None:
    """The lines of Python code that are comments; None where the code cannot be read."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text, newline="\n").readline))
    except (tokenize.TokenError, SyntaxError, ValueError):
        return None
    return frozenset(token.start[0] for token in tokens if token.type == tokenize.COMMENT)
