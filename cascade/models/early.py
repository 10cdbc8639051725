"""Ends a generation early: when it is complete, or when it can no longer pass.

An `EarlyStop` is an observer of one call. It follows the fences of the answer; within a Python block it looks
for errors that no continuation mends, for imports that are forbidden, and anywhere for a loop.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from cascade.models.prefix import PythonPrefix
from cascade.types import Diagnostic

Why: TypeAlias = Literal["complete", "syntax", "repetition", "forbidden_import"]

PYTHON = frozenset({"python", "py", "python3"})
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})\s*([\w+-]*)(.*)$")
_IMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+import\b|import\s+([\w., \t]+))")

MOST_PERIOD = 24  # lines of a loop's round
ROUNDS = 4  # of at least two lines, at the end of the text
SAME_LINES = 12  # of one line, again and again
LEAST_LOOP = 160  # characters that a loop has repeated
CHAR_PERIOD = 240  # characters of a loop's round within one line
CHAR_LOOP = 320  # characters that such a loop fills at least
LOOK_EVERY = 64  # characters between two looks at a long line


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRules:
    """What ends a generation.

    complete: the first Python block has closed, and a single block is what the task asks for. syntax, loops:
    see the module. forbidden_imports: top-level names of modules.
    """

    complete: bool = True
    syntax: bool = True
    loops: bool = True
    forbidden_imports: frozenset[str] = field(default_factory=frozenset)


class EarlyStop:
    """Watches one answer. After a cut `why` and `finding` say what was seen.

    rules: what to look for. path: where the block goes, for the finding.
    """

    def __init__(self, rules: StopRules | None = None, *, path: str | None = None) -> None:
        self._rules = rules or StopRules()
        self._path = path
        self.restart()

    def restart(self) -> None:
        """Begin again, for the stream begins again."""
        self.why: Why | None = None
        self.finding: Diagnostic | None = None
        self._line = ""
        self._look_at = 0
        self._lines: list[str] = []
        self._fence: str | None = None
        self._python = False
        self._in_block = 0
        self._prefix = PythonPrefix()

    def __call__(self, delta: str) -> bool:
        """Take the next piece; True once the generation should end."""
        *whole, rest = (self._line + delta).split("\n")
        for line in whole:
            self._line = ""
            self._look_at = 0
            if self._take(line.rstrip("\r")):
                return True
        self._line = rest
        return self._closes_here(rest) or self._loops_within(rest)

    def _take(self, line: str) -> bool:
        self._lines.append(line)
        fence = _FENCE.match(line)
        if self._fence is None:
            if fence is not None:
                self._open(fence)
        elif fence is not None and fence[1].startswith(self._fence) and not fence[2] and not fence[3].strip():
            return self._close()
        elif self._python:
            self._in_block += 1
            if self._breaks(line) or self._forbidden(line):
                return True
        return self._loops()

    def _open(self, fence: re.Match[str]) -> None:
        self._fence = fence[1]
        self._python = fence[2].lower() in PYTHON
        self._in_block = 0
        self._prefix = PythonPrefix()

    def _close(self) -> bool:
        self._fence = None
        return self._stop("complete") if self._python and self._rules.complete and self._in_block else False

    def _closes_here(self, rest: str) -> bool:
        """A closing fence needs no newline: there is none after the last line of an answer."""
        if self._fence is None or rest.strip() != self._fence or not (self._python and self._rules.complete):
            return False
        return self._in_block > 0 and self._stop("complete")

    def _breaks(self, line: str) -> bool:
        if not self._rules.syntax:
            return False
        fault = self._prefix.feed(line)
        if fault is None:
            return False
        return self._stop("syntax", f"{fault.message} (no continuation mends it)", fault.line, fault.column)

    def _forbidden(self, line: str) -> bool:
        found = _IMPORT.match(line) if self._rules.forbidden_imports else None
        if found is None:
            return False
        names = [found[1]] if found[1] else [name.split(" as ")[0] for name in found[2].split(",")]
        wrong = _roots(names) & self._rules.forbidden_imports
        if not wrong:
            return False
        return self._stop("forbidden_import", f"{min(wrong)!r} must not be imported", self._in_block)

    def _loops(self) -> bool:
        if not self._rules.loops:
            return False
        period = _period(self._lines)
        return bool(period) and self._stop(
            "repetition", f"the answer repeats its last {period} lines over and over"
        )

    def _loops_within(self, rest: str) -> bool:
        if not self._rules.loops or len(rest) < max(CHAR_LOOP, self._look_at):
            return False
        self._look_at = len(rest) + LOOK_EVERY
        for period in range(2, min(CHAR_PERIOD, len(rest) // ROUNDS) + 1):
            tail = rest[-max(period * ROUNDS, CHAR_LOOP) :]
            if tail[period:] == tail[:-period] and len(set(tail[:period])) > 2:
                return self._stop("repetition", f"the answer repeats {tail[:period]!r} over and over")
        return False

    def _stop(self, why: Why, message: str = "", line: int | None = None, column: int | None = None) -> bool:
        self.why = why
        if message:
            self.finding = Diagnostic(
                message=message, code=f"early-{why}", path=self._path, line=line, column=column
            )
        return True


def _roots(names: Collection[str]) -> set[str]:
    return {name.strip().split(".")[0] for name in names}


def _period(lines: list[str]) -> int:
    """The length in lines of the round that the text's end repeats; 0 if it does not."""
    if len(lines) < SAME_LINES // 2 or not lines[-1].strip():
        return 0
    for period in range(1, MOST_PERIOD + 1):
        rounds = SAME_LINES if period == 1 else ROUNDS
        size = period * rounds
        if len(lines) < size:
            continue
        tail = lines[-size:]
        if tail[period:] == tail[:-period] and sum(map(len, tail)) >= LEAST_LOOP:
            return period
    return 0
