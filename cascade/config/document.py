"""A parsed file with the place of every key and value, and the mistakes found in it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Place: TypeAlias = tuple[str | int, ...]
Mark: TypeAlias = tuple[int, int]  # line and column, both from 1
MEANT = "did you mean "


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where, what, and how to mend it. `mark` is given where no key or value has the place."""

    place: Place
    what: str
    hint: str = ""
    at: Literal["key", "value"] = "value"
    mark: Mark | None = None

    def unplaced(self) -> str:
        """The line of a config that stands in no file."""
        key = f"{dotted(self.place)}: " if self.place else ""
        return f"{key}{self.what}{'; ' + self.hint if self.hint else ''}"


@dataclass(slots=True)
class Document:
    """`data` holds JSON types only. `keys` and `values` say where they stand in the file."""

    name: str
    data: Any = None
    keys: dict[Place, Mark] = field(default_factory=dict)
    values: dict[Place, Mark] = field(default_factory=dict)

    def mark(self, problem: Problem) -> Mark:
        """The nearest known place: the key or value itself, else the key of what encloses it."""
        if problem.mark is not None:
            return problem.mark
        place = problem.place
        first, second = (self.keys, self.values) if problem.at == "key" else (self.values, self.keys)
        if place in first or place in second:
            return first.get(place) or second[place]
        while place:
            place = place[:-1]
            if place in self.keys:
                return self.keys[place]
            if place in self.values:
                return self.values[place]
        return (1, 1)

    def line(self, problem: Problem) -> str:
        """`file:line:column: key: what; how to mend it`."""
        line, column = self.mark(problem)
        key = f" {dotted(problem.place)}:" if problem.place else ""
        hint = f"; {problem.hint}" if problem.hint else ""
        return f"{self.name}:{line}:{column}:{key} {problem.what}{hint}"

    def lines(self, problems: Iterable[Problem]) -> tuple[str, ...]:
        """All mistakes in the file's order, each once."""
        return tuple(dict.fromkeys(self.line(one) for one in sorted(problems, key=self.mark)))


def dotted(place: Place) -> str:
    """`tiers.flash.fallbacks[0].model`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def shown(value: object, limit: int = 40) -> str:
    """A value for a message: short, on one line."""
    text = repr(value) if isinstance(value, str) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def suggestion(wrong: str, known: Iterable[str], *, what: str = "known") -> str:
    """`did you mean X?` where one is near, else the list."""
    names = list(known)
    near = difflib.get_close_matches(wrong.lower(), [name.lower() for name in names], n=1, cutoff=0.6)
    if near:
        return f"{MEANT}{next(name for name in names if name.lower() == near[0])}?"
    return f"{what}: {', '.join(names)}" if names else ""
