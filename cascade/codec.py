"""Domain values to plain JSON and back, by pydantic's adapters (built once per type)."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter

T = TypeVar("T")


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def to_json(value: object) -> Any:
    """A domain value as JSON types; `Decimal` becomes a string, so that no digit is lost."""
    return _adapter(cast("Hashable", type(value))).dump_python(value, mode="json")


def from_json(kind: type[T], data: object) -> T:
    """The inverse of `to_json`. Raises pydantic's ValidationError if `data` is not of that shape."""
    value: T = _adapter(cast("Hashable", kind)).validate_python(data)
    return value
