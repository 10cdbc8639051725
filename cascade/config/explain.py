"""pydantic's errors as located problems in the words of the file, not of Python."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails
from typing_extensions import TypeAliasType

from cascade.config.document import MEANT, Place, Problem, shown, suggestion

MISSING = "is missing"
WANTED = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "Decimal": "an amount (a number)",
    "bool": "true or false",
    "dict": "a mapping",
    "mapping": "a mapping",
    "model": "a mapping",
    "model_attributes": "a mapping",
    "tuple": "a list",
    "list": "a list",
    "Path": "a path",
}
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
_YES_NO = {"yes": "true", "no": "false", "on": "true", "off": "false", "y": "true", "n": "false"}


def explain(error: ValidationError, root: type[BaseModel], data: Any, raw: dict[Place, str]) -> list[Problem]:
    """The file's problems by pydantic's errors. `raw` is what was written where a variable stood.

    A key that is missing because it is misspelt is told once, as misspelt.
    """
    found = [_Explanation(one, root, data, raw).problem() for one in error.errors(include_url=False)]
    meant = {
        (*one.place[:-1], one.hint.removeprefix(MEANT).removesuffix("?"))
        for one in found
        if one.hint.startswith(MEANT) and one.at == "key"
    }
    return [one for one in found if one.what != MISSING or one.place not in meant]


class _Explanation:
    def __init__(self, error: ErrorDetails, root: type[BaseModel], data: Any, raw: dict[Place, str]) -> None:
        self.error = error
        self.kind = error["type"]
        self.context: dict[str, Any] = error.get("ctx", {})
        self.place, self.value = _place(error["loc"], data)
        self.raw = raw
        self.root = root

    def problem(self) -> Problem:
        """The error in one line and how to mend it."""
        if self.error["loc"] and self.error["loc"][-1] == "[key]":
            hint = "letters, digits, . _ - and a letter first"
            return Problem(self.place, "is no name", hint, at="key")
        by_kind = {
            "missing": self._missing,
            "extra_forbidden": self._unknown_key,
            "literal_error": self._literal,
            "union_tag_invalid": self._kind_of_node,
            "union_tag_not_found": self._kind_of_node,
            "too_long": self._too_long,
            "name.unknown": self._unknown_name,
            "too_short": self._too_short,
            "string_too_short": self._too_short,
            "string_pattern_mismatch": self._pattern,
            **dict.fromkeys(_BOUNDS, self._bound),
        }
        return by_kind.get(self.kind, self._other)()

    def _bound(self) -> Problem:
        words, key = _BOUNDS[self.kind]
        return self._at_value(f"must be {words} {_number(self.context[key])}, and is {self._shown()}")

    def _other(self) -> Problem:
        # A type of our own (amount, path) is named by its class.
        kind = str(self.context.get("class", self.kind.removesuffix("_type").removesuffix("_parsing")))
        wanted = WANTED.get(kind)
        if wanted is not None:
            return self._kind(wanted)
        return self._at_value(
            self.error["msg"].removeprefix("Value error, "), str(self.context.get("hint", ""))
        )

    def _at_value(self, what: str, hint: str = "") -> Problem:
        return Problem(self.place, what, hint)

    def _shown(self) -> str:
        """The value as it was written; never what a variable held."""
        return shown(self.raw.get(self.place, self.value))

    def _missing(self) -> Problem:
        key = str(self.error["loc"][-1])
        where = self.place[:-1] if self.place and self.place[-1] == key else self.place
        model = model_at(self.root, self.error["loc"][:-1])
        field = model.model_fields.get(key) if model else None
        hint = (
            f"add `{key}: ...` ({_first_sentence(field.description)})" if field and field.description else ""
        )
        return Problem((*where, key), MISSING, hint)

    def _unknown_key(self) -> Problem:
        key = str(self.error["loc"][-1])
        model = model_at(self.root, self.error["loc"][:-1])
        names = [field.alias or name for name, field in model.model_fields.items()] if model else []
        return Problem(self.place, "is not a known key here", suggestion(key, names), at="key")

    def _literal(self) -> Problem:
        known = re.findall(r"'([^']*)'", str(self.context.get("expected", ""))) or [self.context["expected"]]
        if not isinstance(self.value, str) and len(known) == 1:
            return self._at_value(f"must be {known[0]}, and is {self._shown()}")
        hint = suggestion(self.value, known, what="write one of") if isinstance(self.value, str) else ""
        return self._at_value(f"must be {_either(known)}, and is {self._shown()}", hint)

    def _kind_of_node(self) -> Problem:
        """A union that is told by a key of its own, which is missing or names nothing."""
        key = str(self.context.get("discriminator", "'kind'")).strip("'")
        if not isinstance(self.value, dict):
            return self._kind("a mapping")
        if key not in self.value:
            return Problem((*self.place, key), MISSING, f"add `{key}: ...`")
        given = self.value[key]
        known = re.findall(r"'([^']*)'", str(self.context.get("expected_tags", "")))
        hint = suggestion(given, known) if isinstance(given, str) else ""
        return Problem((*self.place, key), f"{shown(given)} is no {key}", hint)

    def _too_long(self) -> Problem:
        return self._at_value(f"has more than {self.context['max_length']}")

    def _unknown_name(self) -> Problem:
        names = self.context["names"].split(", ")
        place = (*self.place, "use") if isinstance(self.value, dict) else self.place
        return Problem(
            place, f"{self.context['value']} is not known", suggestion(self.context["value"], names)
        )

    def _too_short(self) -> Problem:
        least = self.context.get("min_length", 1)
        if self.kind == "string_too_short":
            return self._at_value("is empty", "write it, or remove the key")
        return self._at_value(f"needs at least {least}, and has {len(self.value or ())}")

    def _pattern(self) -> Problem:
        if self.place[-1:] == ("base_url",):
            if isinstance(self.value, str) and "@" in self.value:
                return self._at_value("holds a user or password", "put the key into api_key, as ${VARIABLE}")
            return self._at_value(f"{self._shown()} is not an address", "write https://HOST/...")
        return self._at_value(f"{self._shown()} has a form that cannot stand here: {self.context['pattern']}")

    def _kind(self, wanted: str) -> Problem:
        hint = ""
        if wanted == "true or false" and isinstance(self.value, str):
            meant = _YES_NO.get(self.value.lower())
            hint = f"write {meant}, without quotes" if meant else ""
        elif wanted == "text" and isinstance(self.value, int | float):
            hint = f'put it in quotes: "{str(self.value).lower()}"'
        elif wanted == "a list":
            hint = "write [a, b]"
        elif isinstance(self.value, str) and self.place not in self.raw and "number" in wanted:
            hint = "remove the quotes" if re.fullmatch(r"-?[0-9.]+", self.value) else ""
        elif self.value is None:
            hint = "write it, or remove the key"
        return self._at_value(f"must be {wanted}, and is {_kind_of(self.value)}{self._aside()}", hint)

    def _aside(self) -> str:
        return "" if isinstance(self.value, dict | list | type(None)) else f" ({self._shown()})"


def model_at(root: type[BaseModel], loc: Iterable[str | int]) -> type[BaseModel] | None:
    """The section's class that pydantic was in, at the place that its error names (union tags included)."""
    here: Any = root
    for part in loc:
        here = _step(here, part)
    here = _bare(here)
    return here if isinstance(here, type) and issubclass(here, BaseModel) else None


def _bare(annotation: Any) -> Any:
    while True:
        if isinstance(annotation, TypeAliasType):
            annotation = annotation.__value__
        elif get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif len(members := [one for one in get_args(annotation) if one is not types.NoneType]) == 1 and (
            get_origin(annotation) in {Union, types.UnionType}
        ):
            annotation = members[0]  # a section that may be unset
        else:
            return annotation


def _step(annotation: Any, part: str | int) -> Any:
    annotation = _bare(annotation)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in {Union, types.UnionType}:
        return _member(args, part)
    if origin is dict:
        return args[1]
    if origin in {tuple, list}:
        return args[0]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _field(annotation, part)
    return None


def _member(members: tuple[Any, ...], part: str | int) -> Any:
    """The union's member with this tag, or what the first that can lead on has there."""
    tagged = [
        one for one in members if any(isinstance(tag, Tag) and tag.tag == part for tag in get_args(one)[1:])
    ]
    steps = tagged or [_step(one, part) for one in members]
    return next((step for step in steps if step is not None), None)


def _field(model: type[BaseModel], part: str | int) -> Any:
    fields = model.model_fields.items()
    return next((field.annotation for name, field in fields if part in {name, field.alias}), None)


def _place(loc: tuple[str | int, ...], data: Any) -> tuple[Place, Any]:
    """The file's place of pydantic's `loc`, which names members of unions as well; and what stands there."""
    place: list[str | int] = []
    for number, part in enumerate(loc):
        in_list = isinstance(data, list | tuple) and isinstance(part, int) and part < len(data)
        if in_list or (isinstance(data, dict) and part in data):
            place.append(part)
            data = data[part]
        elif number == len(loc) - 1 and isinstance(data, dict) and part != "[key]" and len(loc) > 1:
            # A missing key is named although it is not there; the tag of a union is no key.
            return tuple(place), data
    return tuple(place), data


def _kind_of(value: object) -> str:
    kinds: list[tuple[type | tuple[type, ...], str]] = [
        (bool, "true or false"),
        ((int, float), "a number"),
        (str, "text"),
        (dict, "a mapping"),
        ((list, tuple), "a list"),
    ]
    if value is None:
        return "empty"
    return next((name for kind, name in kinds if isinstance(value, kind)), type(value).__name__)


def _either(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _number(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[a-z`)])[.:]\s", " ".join(text.split()), maxsplit=1)[0].rstrip(".")
