"""A section as plain data without its secrets: for traces, for hashes, and to be written as a file again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from cascade.config.document import Place

_HIDDEN = object()  # stands for a secret until it is left out


@dataclass(frozen=True, slots=True)
class Veil:
    """raw: what was written where a variable stood. folder: paths inside it are told relative to it.

    only_set: leave out what the author did not write.
    """

    raw: Mapping[Place, str]
    folder: Path
    only_set: bool = False


def public(section: BaseModel, veil: Veil) -> dict[str, Any]:
    """JSON types; secrets and unset keys left out, variables as they were written."""
    dumped: dict[str, Any] = _of(section, (), veil)
    return dumped


def secrets(section: BaseModel, raw: Mapping[Place, str]) -> tuple[str, ...]:
    """Texts that may appear nowhere: keys, headers, and what variables held among options and body."""
    found: dict[str, None] = {}
    for place, value in _leaves(section, ()):
        if isinstance(value, SecretStr):
            found[value.get_secret_value()] = None
        elif isinstance(value, str) and place in raw and _may_be_secret(place):
            found[value] = None
    return tuple(text for text in found if text)


def _leaves(value: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    """Every value that holds no others, with its place."""
    inside: Iterable[tuple[Any, Any]]
    if isinstance(value, BaseModel):
        inside = value
    elif isinstance(value, Mapping):
        inside = value.items()
    elif isinstance(value, list | tuple):
        inside = enumerate(value)
    else:
        yield place, value
        return
    for key, item in inside:
        yield from _leaves(item, (*place, key))


def _may_be_secret(place: Place) -> bool:
    """Where anything may be written: the request's body, and options that are not ours."""
    free = place[0] in {"validators", "classifier", "policy"} or place[:2] == ("trace", "sinks")
    return "extra_body" in place or (free and place[-1] not in {"use", "name"})


def _of(value: Any, place: Place, veil: Veil) -> Any:
    if place in veil.raw:
        return veil.raw[place]
    if isinstance(value, BaseModel):
        return _mapping(_fields(value, veil), place, veil)
    if isinstance(value, Mapping):
        return _mapping(value, place, veil)
    if isinstance(value, list | tuple):
        return [_of(item, (*place, index), veil) for index, item in enumerate(value)]
    return _scalar(value, veil)


def _mapping(value: Mapping[str, Any], place: Place, veil: Veil) -> dict[str, Any]:
    dumped = {key: _of(item, (*place, key), veil) for key, item in value.items()}
    return {key: item for key, item in dumped.items() if item is not _HIDDEN}


def _scalar(value: Any, veil: Veil) -> Any:
    if isinstance(value, SecretStr):
        return _HIDDEN
    if isinstance(value, Path):
        return (value.relative_to(veil.folder) if value.is_relative_to(veil.folder) else value).as_posix()
    return _amount(value, veil) if isinstance(value, Decimal) else value


def _amount(value: Decimal, veil: Veil) -> str | float:
    """A decimal string without idle zeros; to be written, a number where none of its digits is lost."""
    text = format(value.normalize(), "f")
    return float(text) if veil.only_set and Decimal(repr(float(text))) == value else text


def _fields(section: BaseModel, veil: Veil) -> dict[str, Any]:
    """By the file's keys, the options of a plug-in included."""
    fields = type(section).model_fields
    named = {
        (fields[name].alias or name) if name in fields else name: item
        for name, item in section
        if not veil.only_set or name in section.model_fields_set
    }
    # What a node or a plug-in is stands first.
    first = [key for key in ("use", "kind") if key in named]
    return {key: named[key] for key in [*first, *named] if named[key] is not None}
