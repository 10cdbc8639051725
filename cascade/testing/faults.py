"""Faults to order: what a scripted server does to a call instead of answering it well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "status",
    "reset_before_headers",
    "reset_mid_stream",
    "stall_before_headers",
    "stall_mid_stream",
    "drip",
    "half_line",
    "cut_off",
    "invalid_json",
    "error_event",
    "blank",
    "no_usage",
    "absurd_usage",
    "wrong_model",
    "gzip",
    "bad_gzip",
    "not_a_stream",
    "length",
    "content_filter",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to go wrong. `after`: pieces of the answer sent before it happens. `delay_s`: of a drip."""

    kind: Kind
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    after: int = 3
    delay_s: float = 0.05

    @classmethod
    def of_status(cls, status: int, *, message: str = "scripted fault", **headers: str) -> Fault:
        """An HTTP status; `retry_after="1"` becomes the header Retry-After."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(kind="status", status=status, message=message, headers=named)


Faults: TypeAlias = Callable[[int], "Fault | None"]


def no_faults(number: int) -> Fault | None:  # noqa: ARG001  (the shape of `Faults`)
    """All goes well."""
    return None


def nth(number: int, fault: Fault) -> Faults:
    """Only the server's nth call (from 1) goes wrong."""
    return lambda call: fault if call == number else None


def every(fault: Fault) -> Faults:
    """All calls go wrong."""
    return lambda _: fault


def first(count: int, fault: Fault) -> Faults:
    """The first `count` calls go wrong."""
    return lambda call: fault if call <= count else None
