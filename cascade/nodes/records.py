"""The trace's events of an attempt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cascade.codec import to_json
from cascade.errors import ModelError
from cascade.ledger import PricedCharge, Tariff
from cascade.nodes.services import Tier
from cascade.prices import Price
from cascade.prompting import Prompt
from cascade.tokens import InputBound
from cascade.trace.content import ContentRule, content_of, messages_sha256
from cascade.trace.contexts import without_text
from cascade.trace.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptRetried,
    AttemptStarted,
    ChargeRecord,
    NoticeRecord,
    PriceRecord,
    UsageRecord,
)
from cascade.trace.ids import Scope
from cascade.types import Attempt, JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which attempt it is: its span, numbers, tier, and the request that it sends. `tariff`: the node's own price.

    `shadow`: it is made after the task's end. `warm`: it sends a context alone, for no task. `bound`: how long its
    input may be, before any report.
    """

    scope: Scope
    number: int
    tier: Tier
    tier_attempt: int
    prompt: Prompt
    content: ContentRule
    node: str = "generate"
    tariff: Tariff | None = None
    shadow: bool = False
    warm: bool = False
    bound: InputBound | None = None


def _common(call: Place) -> dict[str, Any]:
    return {
        **call.scope.fields(),
        "attempt": call.number,
        "tier": call.tier.name,
        "tier_attempt": call.tier_attempt,
        "after": call.prompt.after,
        "history": call.prompt.history,
        "model": call.tier.model_name,
        "shadow": call.shadow,
        "warm": call.warm,
    }


def started_event(call: Place, reserved_usd: Decimal) -> AttemptStarted:
    """Written before the call: what is sent, and what it may cost at most."""
    full = call.content == "full"
    messages: list[JsonObject] = list(call.prompt.messages)
    context = call.prompt.context
    return AttemptStarted(
        **_common(call),
        endpoint=call.tier.endpoint,
        messages_sha256=messages_sha256(messages),
        messages=without_text(messages, None if context is None else context.text) if full else None,
        context_sha256=None if context is None else context.sha256,
        reserved_usd=reserved_usd,
    )


def finished_event(call: Place, attempt: Attempt, charges: tuple[ChargeRecord, ...]) -> AttemptFinished:
    """An answer came."""
    rule = call.content
    return AttemptFinished(
        **_common(call),
        endpoint=attempt.endpoint,
        answered_by=attempt.answered_by,
        usage=UsageRecord(**to_json(attempt.usage)),
        cost_usd=attempt.cost_usd,
        unknown_usd=attempt.unknown_usd,
        price=charges[-1].price if charges else None,
        latency_s=attempt.latency_s,
        first_token_s=attempt.first_token_s,
        finish_reason=attempt.finish_reason,
        tries=attempt.tries,
        output=content_of(attempt.output, rule),
        reasoning=None if attempt.reasoning is None else content_of(attempt.reasoning, rule),
        tool_calls=to_json(attempt.tool_calls) if attempt.tool_calls and rule == "full" else None,
        charges=charges,
        warnings=_warnings(attempt),
    )


def failed_event(
    call: Place, attempt: Attempt, error: ModelError, charges: tuple[ChargeRecord, ...]
) -> AttemptFailed:
    """No answer came."""
    return AttemptFailed(
        **_common(call),
        endpoint=attempt.endpoint,
        code=error.code,
        message=error.message,
        retryable=error.retryable,
        usage=UsageRecord(**to_json(attempt.usage)),
        cost_usd=attempt.cost_usd,
        unknown_usd=attempt.unknown_usd,
        latency_s=attempt.latency_s,
        tries=attempt.tries,
        charges=charges,
        warnings=_warnings(attempt),
    )


def retried_event(
    call: Place, charge: ChargeRecord, reserved_usd: Decimal, *, requests: int
) -> AttemptRetried:
    """Written before another request of the same attempt: why, and what it may cost at most."""
    return AttemptRetried(
        **_common(call),
        endpoint=charge.endpoint,
        code=charge.error or "",
        requests=requests,
        reserved_usd=reserved_usd,
        charge=charge,
    )


def charge_records(charges: Sequence[PricedCharge]) -> tuple[ChargeRecord, ...]:
    """Every request of an attempt, with its price."""
    return tuple(
        ChargeRecord(
            endpoint=priced.charge.endpoint,
            model=priced.charge.model,
            answered_by=priced.charge.answered_by,
            at=priced.charge.at,
            billing=priced.charge.billing,
            usage=UsageRecord(**to_json(priced.charge.usage)),
            cost_usd=priced.cost_usd,
            worst_usd=priced.worst_usd,
            price=None if priced.price is None else _price(priced.price),
            error=priced.charge.error,
            latency_s=priced.charge.latency_s,
        )
        for priced in charges
    )


def _warnings(attempt: Attempt) -> tuple[NoticeRecord, ...]:
    return tuple(NoticeRecord(**to_json(notice)) for notice in attempt.notices)


def _price(price: Price) -> PriceRecord:
    return PriceRecord(**{name: getattr(price, name) for name in PriceRecord.model_fields})
