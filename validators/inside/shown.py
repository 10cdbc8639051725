"""How calls and exceptions of the answer are shown: as far as its own code lets them be."""

from __future__ import annotations

import reprlib
from typing import Any

MAX_TEXT = 1200
# The attribute of an exception that says where it arose in a solution that runs apart.
PLACE = "__cascade_place__"


def text_of(error: BaseException) -> str:
    """An exception's text, clipped; whatever its own `__str__` does."""
    try:
        return str(error)[:MAX_TEXT]
    except Exception:  # noqa: BLE001  (the answer's own __str__)
        return "(its text cannot be shown)"


def describe_call(frame: Any) -> str | None:
    """A function with the values of its arguments, as far as they can be shown."""
    code = frame.f_code
    if code.co_name.startswith("<"):
        return None
    short = reprlib.Repr()
    short.maxlist = short.maxtuple = short.maxdict = short.maxset = 12
    short.maxstring = short.maxother = short.maxlong = 120
    parts = []
    for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        try:
            text = short.repr(frame.f_locals[name])
        except Exception:  # noqa: BLE001  (the answer's own __repr__)
            text = "..."
        parts.append(f"{name}={text}")
    return f"{code.co_name}({', '.join(parts)})"[:400]
