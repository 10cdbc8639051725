"""`${VAR}` and `${VAR:-default}` in the file's texts, after parsing: a value can never become structure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cascade.config.document import Place, Problem

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
SECRET_LENGTH = 8
_INSIDE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


class Variables:
    """Fills in variables, and remembers as `raw` what was written where one stood.

    need: a missing variable is a problem; else the text stays as it was written.
    """

    def __init__(self, env: Mapping[str, str], *, need: bool, problems: list[Problem]) -> None:
        self.env = env
        self.need = need
        self.problems = problems
        self.raw: dict[Place, str] = {}
        self.missing: set[Place] = set()
        self._filled: dict[Place, str] = {}

    def fill(self, value: Any, place: Place = ()) -> Any:
        """The value with every text in it filled in; keys stay as they are."""
        if isinstance(value, dict):
            return {key: self.fill(item, (*place, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item, (*place, index)) for index, item in enumerate(value)]
        if isinstance(value, str) and "${" in value:
            return self._text(value, place)
        return value

    def _text(self, text: str, place: Place) -> str:
        self.raw[place] = text
        self._filled[place] = _REFERENCE.sub(lambda match: self._one(match, place), text)
        return self._filled[place]

    def veiled(self, problem: Problem) -> Problem:
        """The problem without what a variable held: it may be a secret."""
        what, hint = problem.what, problem.hint
        for place, filled in self._filled.items():
            # Elsewhere a short text is a word like any other.
            if filled and (place == problem.place[: len(place)] or len(filled) >= SECRET_LENGTH):
                what, hint = (text.replace(filled, self.raw[place]) for text in (what, hint))
        return replace(problem, what=what, hint=hint)

    def _one(self, match: re.Match[str], place: Place) -> str:
        written = match.group()
        if written == "$${":
            return "${"
        inside = _INSIDE.fullmatch(match.group(1) or "")
        if inside is None:
            hint = "write ${NAME} or ${NAME:-default}, or $${ for the two characters themselves"
            self._miss(place, f"{written} names no variable", hint)
            return written
        name, default = inside.groups()
        found = self.env.get(name)
        if default is not None:
            return found or default
        if found is not None:
            return found
        if self.need:
            hint = f"export {name}=..., or write ${{{name}:-default}}"
            self._miss(place, f"the environment variable {name} is not set", hint)
        self.missing.add(place)
        return written

    def _miss(self, place: Place, what: str, hint: str) -> None:
        self.missing.add(place)
        self.problems.append(Problem(place, what, hint))
