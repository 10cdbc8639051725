"""Domain values to plain JSON and back, by pydantic's adapters (built once per type), and JSON to bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast

import orjson
from pydantic import TypeAdapter

from cascade.errors import InputError
from cascade.surrogates import well_formed

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


def dump_json(value: object, *, sort: bool = False) -> bytes:
    """JSON bytes on one line, whatever texts are in it: half surrogates are replaced, long integers kept.

    Raises `InputError` for what is not of JSON types.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort else None)
    except TypeError:
        pass
    try:
        text = json.dumps(well_formed_json(value), ensure_ascii=False, separators=(",", ":"), sort_keys=sort)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"cannot be written as JSON: {error}", hint="use JSON types only") from error
    return text.encode()


def well_formed_json(value: Any) -> Any:
    """A JSON value with every text well formed; NaN and infinities become null, as JSON has none."""
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {well_formed(str(key)): well_formed_json(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [well_formed_json(item) for item in value]
    return value
