"""Can the beginning of a Python file still become a valid one? Told line by line, while it streams."""

from __future__ import annotations

import ast
import warnings
from codeop import PyCF_ALLOW_INCOMPLETE_INPUT  # type: ignore[attr-defined]  # since Python 3.11, not in typeshed
from dataclasses import dataclass

# What may stand at the left margin and still belong to the statement before it.
_CONTINUES = ("else", "elif", "except", "finally", "case", ")", "]", "}", '"""', "'''", "#", "\\")
MOST_LINES = 400  # of one statement; a longer one is not followed any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A syntax error that no continuation mends: its message and place (line and column from 1)."""

    message: str
    line: int
    column: int | None


class PythonPrefix:
    """Takes whole lines; says when all is lost.

    What is only unfinished (an open bracket, string or block) is no fault. Text that begins indented is not
    judged: it is the inside of something.
    """

    def __init__(self) -> None:
        self._statement: list[str] = []
        self._lines_before = 0
        self._judged = True
        self._empty = True

    def feed(self, line: str) -> Fault | None:
        """Take the next line, without its end. The fault, if the text can no longer become valid."""
        if self._empty and line.strip():
            self._empty = False
            self._judged = not line[0].isspace()
        if not self._judged:
            return None
        if self._begins_anew(line):
            self._lines_before += len(self._statement)
            self._statement = []
        self._statement.append(line)
        if len(self._statement) > MOST_LINES:
            self._judged = False
            return None
        return self._fault() if line.strip() else None

    def _begins_anew(self, line: str) -> bool:
        if not self._statement or not line or line[0].isspace() or line.startswith(_CONTINUES):
            return False
        return self._parse(PyCF_ONLY_WHOLE) is None

    def _fault(self) -> Fault | None:
        error = self._parse(ast.PyCF_ONLY_AST | PyCF_ALLOW_INCOMPLETE_INPUT)
        if error is None or "incomplete input" in str(error.msg):
            return None
        if self._may_be_unfinished(error):
            return None
        return Fault(
            message=str(error.msg), line=self._lines_before + (error.lineno or 1), column=error.offset
        )

    def _may_be_unfinished(self, error: SyntaxError) -> bool:
        """Errors that the parser reports at the end of the text, where more text is to come."""
        return (error.lineno or 0) > len(self._statement) or "unterminated triple-quoted" in str(error.msg)

    def _parse(self, flags: int) -> SyntaxError | None:
        source = "\n".join(self._statement) + "\n"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile(source, "<answer>", "exec", flags, dont_inherit=True)
        except SyntaxError as error:
            return error
        except (ValueError, RecursionError, MemoryError):  # null bytes, nesting: not ours to judge
            self._judged = False
        return None


PyCF_ONLY_WHOLE = ast.PyCF_ONLY_AST
