"""Findings that the untouched workspace has too, matched in spite of moved and edited lines."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from cascade.types import Changes, Diagnostic, Report
from cascade.validators.baseline.values import Observed
from cascade.validators.options import status_of

# A file of the answer that does not parse is broken, whatever it was before.
NEVER_EXCUSED = frozenset({"invalid-syntax", "syntax"})
MAX_LINES = 20_000
# A file's text as it is with the answer, or without; None where there is no such file.
Read = Callable[[str], str | None]


def without_known(
    report: Report, before: Observed, *, touched: Sequence[str], old: Read, new: Read
) -> Report:
    """The report without what was there before.

    Two findings are the same if path, code, message and the text of their line are; a finding on an edited line is
    the same if the edit put that line in the place of one that had it. Each of the earlier ones excuses one.
    """
    matching = _Matching(before.diagnostics, old, new)
    left = [found for found in report.diagnostics if not matching.takes(found, touched)]
    known = len(report.diagnostics) - len(left)
    if not known:
        return report
    status = status_of(left) if report.status == "failed" else report.status
    detail = _and(report.detail, f"{known} finding{'s' * (known > 1)} of before left out")
    return replace(
        report,
        status=status,
        diagnostics=tuple(left),
        detail=detail,
        changes=Changes(findings_before=known),
    )


def _and(detail: str | None, more: str) -> str:
    return f"{detail}; {more}" if detail else more


class _Matching:
    """The earlier findings, each to be used once."""

    def __init__(self, before: Iterable[Diagnostic], old: Read, new: Read) -> None:
        self._old, self._new = old, new
        self._exact = Counter(_key(found) for found in before)
        self._edited: dict[tuple[str | None, str, str], list[Diagnostic]] = defaultdict(list)
        for found in before:
            self._edited[_kind(found)].append(found)

    def takes(self, found: Diagnostic, touched: Sequence[str]) -> bool:
        """Whether this finding was there before; if so, it is used up."""
        if found.code in NEVER_EXCUSED and found.path in touched:
            return False
        key = _key(found)
        if self._exact[key] > 0:
            self._use(key)
            return True
        for earlier in self._edited[_kind(found)]:
            if self._exact[_key(earlier)] > 0 and self._edited_into(earlier, found):
                self._use(_key(earlier))
                return True
        return False

    def _use(self, key: tuple[object, ...]) -> None:
        self._exact[key] -= 1

    def _edited_into(self, earlier: Diagnostic, found: Diagnostic) -> bool:
        """Whether an edit put the line of `found` where that of `earlier` was."""
        if earlier.path is None or earlier.line is None or found.line is None:
            return False
        old, new = self._old(earlier.path), self._new(earlier.path)
        if old is None or new is None:
            return False
        return _replaced(old.splitlines(), new.splitlines(), earlier.line - 1, found.line - 1)


def _replaced(old: list[str], new: list[str], at: int, to: int) -> bool:
    """Whether line `at` of the old text was replaced by lines of which `to` is one."""
    if max(len(old), len(new)) > MAX_LINES:
        return False
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return any(
        tag == "replace" and first <= at < last and start <= to < end
        for tag, first, last, start, end in blocks
    )


def _key(found: Diagnostic) -> tuple[object, ...]:
    return (*_kind(found), (found.source or "").strip())


def _kind(found: Diagnostic) -> tuple[str | None, str, str]:
    """Path, code and message, without the line numbers that messages quote."""
    message = re.sub(r"\b(lines?|column|:)\s*\d+", r"\1 N", found.message)
    return found.path, found.code, message
