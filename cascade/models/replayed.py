"""What the models without a network share: an answer shown to an observer piece by piece, and booked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from cascade.models.base import Completion, ModelRequest, Observer
from cascade.types import Charge

PIECE = 4  # characters; about one token


def pieces(text: str, size: int = PIECE) -> Iterator[str]:
    """`text` in the pieces in which it would stream."""
    for start in range(0, len(text), size):
        yield text[start : start + size]


def played(completion: Completion, observe: Observer | None) -> Completion:
    """The completion as the observer leaves it: whole, or cut and counted in proportion (an estimate)."""
    if observe is None:
        return completion
    seen = 0
    for piece in pieces(completion.text):
        seen += len(piece)
        if observe(piece) and completion.text[seen:].strip():
            share = seen / len(completion.text)
            usage = replace(
                completion.usage, output=math.ceil(completion.usage.output * share), estimated=True
            )
            return replace(
                completion,
                text=completion.text[:seen],
                usage=usage,
                finish_reason="cut",
                latency_s=completion.latency_s * share,
            )
    return completion


def booked(request: ModelRequest, completion: Completion, *, model: str) -> Completion:
    """The completion with its one charge, which the request's meter is told of."""
    charge = Charge(
        endpoint=completion.endpoint,
        model=model,
        usage=completion.usage,
        at=datetime.now(UTC),
        billing="estimated" if completion.usage.estimated else "reported",
        latency_s=completion.latency_s,
        answered_by=completion.model,
    )
    request.book(charge)
    return replace(completion, charges=(charge,))
