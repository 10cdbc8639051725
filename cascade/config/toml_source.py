"""TOML with positions: the standard library reads it, a scan of the text finds where each key stands."""

from __future__ import annotations

import datetime
import math
import re
import tomllib
from typing import Any

from cascade.config.document import Document, Place, Problem

MAX_BITS = 1300
MAX_DEPTH = 100
_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def parse_toml(text: str, name: str, problems: list[Problem]) -> Document:
    """Read the text. What is wrong is added to `problems`."""
    document = Document(name)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problems.append(_syntax(str(error), text))
        return document
    except (RecursionError, ValueError) as error:
        # Python's own limits: depth, and digits of a number.
        what = "is nested too deeply" if isinstance(error, RecursionError) else f"is not TOML: {error}"
        problems.append(Problem((), what, mark=(1, 1)))
        return document
    if _depth(data) > MAX_DEPTH:
        problems.append(Problem((), "is nested too deeply", mark=(_deepest_line(text), 1)))
        return document
    _Scan(text, document).run()
    document.data = _plain(data, (), problems)
    return document


def _depth(data: Any) -> int:
    """How many tables and lists stand inside each other; dotted keys nest them without any limit of the parser's."""
    depth, level = 0, [data]
    while level:
        depth += 1
        inside = (value.values() if isinstance(value, dict) else value for value in level)
        level = [item for items in inside for item in items if isinstance(item, dict | list)]
    return depth


def _deepest_line(text: str) -> int:
    """The line with the most dots, from 1: the one with the longest dotted key."""
    dots = [line.count(".") for line in text.split("\n")]
    return dots.index(max(dots)) + 1


def _syntax(message: str, text: str) -> Problem:
    where = _AT.search(message)
    lines = text.split("\n")
    mark = (len(lines), len(lines[-1]) + 1)
    if where and where.group(1):
        mark = (int(where.group(1)), int(where.group(2)))
    what = _AT.sub("", message)
    return Problem((), f"is not TOML: {what[:1].lower()}{what[1:]}", mark=mark)


def _plain(value: Any, place: Place, problems: list[Problem]) -> Any:
    """JSON types only: times become text, numbers that are none are refused."""
    if isinstance(value, dict):
        return {key: _plain(item, (*place, key), problems) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, (*place, index), problems) for index, item in enumerate(value)]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        problems.append(Problem(place, f"{value} is not a number that can stand here"))
        return None
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        problems.append(Problem(place, "is too large"))
        return None
    return value


class _Scan:
    """Walks text that tomllib has accepted; whatever is not a key or the start of a value is stepped over."""

    _KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*'""")
    _SPACE = re.compile(r"[ \t]*")
    _BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
    _BARE = re.compile(r"[^,\]}\s#]+(?: [0-9][^,\]}\s#]*)?")
    _TEXTS = (
        re.compile(r'"""(?:\\.|[^\\])*?"{3,5}(?!")', re.DOTALL),
        re.compile(r"'''.*?'{3,5}(?!')", re.DOTALL),
        re.compile(r'"(?:\\.|[^"\\])*"'),
        re.compile(r"'[^']*'"),
    )

    def __init__(self, text: str, document: Document) -> None:
        self.text = text
        self.document = document
        self.at = 0
        self.counts: dict[Place, int] = {}

    def run(self) -> None:
        """Note every key and value."""
        table: Place = ()
        self._skip(self._BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(self._BLANK)

    def _header(self) -> Place:
        """`[a.b]` or `[[a.b]]`; an array of tables counts its entries."""
        array = self.text.startswith("[[", self.at)
        self.at += 2 if array else 1
        start = self._mark()
        parts = self._keys()
        place: Place = ()
        for number, part in enumerate(parts):
            place = (*place, part)
            last = number == len(parts) - 1
            if last and array:
                self.counts[place] = self.counts.get(place, -1) + 1
            self.document.keys.setdefault(place, start)
            if place in self.counts:
                place = (*place, self.counts[place])
        self.document.values.setdefault(place, start)
        self._skip(self._SPACE)
        self.at += 2 if array else 1
        return place

    def _pair(self, table: Place) -> None:
        start = self._mark()
        parts = self._keys()
        for number in range(1, len(parts) + 1):
            self.document.keys.setdefault((*table, *parts[:number]), start)
        self._skip(self._SPACE)
        self.at += 1  # the equals sign
        self._skip(self._SPACE)
        self._value((*table, *parts))

    def _keys(self) -> list[str]:
        parts: list[str] = []
        while True:
            self._skip(self._SPACE)
            match = self._KEY.match(self.text, self.at)
            if match is None:
                return parts
            self.at = match.end()
            written = match.group()
            parts.append(written if written[0] not in "\"'" else str(tomllib.loads(f"k={written}")["k"]))
            self._skip(self._SPACE)
            if not self.text.startswith(".", self.at):
                return parts
            self.at += 1

    def _value(self, place: Place) -> None:
        self.document.values.setdefault(place, self._mark())
        opening = self.text[self.at : self.at + 1]
        if opening in {"[", "{"}:
            self._group(place, closing="]" if opening == "[" else "}")
            return
        patterns = self._TEXTS if opening in {'"', "'"} else (self._BARE,)
        for pattern in patterns:
            match = pattern.match(self.text, self.at)
            if match:
                self.at = match.end()
                return
        self.at += 1

    def _group(self, place: Place, *, closing: str) -> None:
        self.at += 1
        index = 0
        self._skip(self._BLANK)
        while self.at < len(self.text) and self.text[self.at] != closing:
            if closing == "]":
                self._value((*place, index))
            else:
                self._pair(place)
            index += 1
            self._skip(self._BLANK)
            if self.text.startswith(",", self.at):
                self.at += 1
            self._skip(self._BLANK)
        self.at += 1

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if match:
            self.at = match.end()

    def _mark(self) -> tuple[int, int]:
        before = self.text.rfind("\n", 0, self.at)
        return self.text.count("\n", 0, self.at) + 1, self.at - before
