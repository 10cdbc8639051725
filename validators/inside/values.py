"""Values between the tests' process and the solution's: plain data by value, everything else by reference.

Decoding never runs code of the other side: JSON, a closed list of types, and numbered references. A subclass of a
plain type arrives as the plain type, so that it cannot bring its own idea of equality.
"""

from __future__ import annotations

import base64
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

MAX_DEPTH = 200
# Exact types first, then what subclasses are taken for. bool before int, datetime before date.
SCALARS: tuple[tuple[type, str, Callable[[Any], Any], Callable[[Any], Any]], ...] = (
    (bool, "b", bool, bool),
    (int, "i", lambda value: format(int.__index__(value), "x"), lambda text: int(text, 16)),
    (float, "f", float.hex, float.fromhex),
    (complex, "c", lambda value: repr(complex(value)), complex),
    (str, "s", str.__str__, str),
    (bytes, "y", lambda value: base64.b64encode(value).decode(), base64.b64decode),
    (
        bytearray,
        "Y",
        lambda value: base64.b64encode(value).decode(),
        lambda text: bytearray(base64.b64decode(text)),
    ),
    (Decimal, "d", Decimal.__str__, Decimal),
    (Fraction, "r", lambda value: f"{value.numerator}/{value.denominator}", Fraction),
    (datetime, "t", datetime.isoformat, datetime.fromisoformat),
    (date, "a", date.isoformat, date.fromisoformat),
    (
        timedelta,
        "l",
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda three: timedelta(*three),
    ),
    (range, "g", lambda value: [value.start, value.stop, value.step], lambda three: range(*three)),
)
SEQUENCES: tuple[tuple[Any, str], ...] = (
    (list, "L"), (tuple, "T"), (set, "S"), (frozenset, "F"), (deque, "Q"),
)  # fmt: skip
MAPPINGS: tuple[tuple[Any, str], ...] = ((Counter, "C"), (OrderedDict, "O"), (dict, "D"))


def encode(value: Any, refer: Callable[[Any], Any], depth: int = 0) -> Any:
    """A value as JSON; `refer` gives a reference's JSON for what is no plain data. Raises ValueError if too deep."""
    if value is None:
        return None
    if depth > MAX_DEPTH:
        raise ValueError("the value is nested too deeply")
    for kind, tag, write, _ in SCALARS:
        if isinstance(value, kind):
            return [tag, write(value)]
    for kind, tag in SEQUENCES:
        if isinstance(value, kind):
            return [tag, [encode(one, refer, depth + 1) for one in kind.__iter__(value)]]
    for kind, tag in MAPPINGS:
        if isinstance(value, kind):
            pairs = [
                [encode(key, refer, depth + 1), encode(one, refer, depth + 1)]
                for key, one in kind.items(value)
            ]
            return [tag, pairs]
    return ["R", refer(value)]


def decode(data: Any, resolve: Callable[[Any], Any], depth: int = 0) -> Any:
    """The inverse; `resolve` turns a reference into what stands for it. Raises ValueError, TypeError."""
    if data is None:
        return None
    if depth > MAX_DEPTH or not isinstance(data, list) or len(data) != 2:
        raise ValueError("no value")
    tag, body = data
    for _, known, _, read in SCALARS:
        if tag == known:
            return read(body)
    for kind, known in SEQUENCES:
        if tag == known:
            return kind(decode(one, resolve, depth + 1) for one in body)
    for kind, known in MAPPINGS:
        if tag == known:
            return kind(
                {decode(key, resolve, depth + 1): decode(one, resolve, depth + 1) for key, one in body}
            )
    if tag == "R":
        return resolve(body)
    raise ValueError(f"unknown tag {tag!r}")
