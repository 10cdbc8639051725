"""What a user should know of how a request was counted."""

from __future__ import annotations

from cascade.models.exchange import Exchange
from cascade.types import Billing, Usage


def note_billing(exchange: Exchange, billing: Billing, usage: Usage) -> None:
    """Note what was not counted as expected."""
    if billing == "unknown":
        exchange.notice(
            "usage.unknown",
            "requests ended without an answer that could be read: what they cost is not known",
            hint="they count against the budget at their worst case; the report names the sum",
        )
    elif billing == "estimated" and not exchange.cut:
        exchange.notice(
            "usage.estimated",
            "reports no usage, or zeros: tokens are estimated from characters",
            hint="costs are estimates here; compare them with the provider's bill",
        )
    elif billing == "reported":
        _note_surplus(exchange, usage)


def _note_surplus(exchange: Exchange, usage: Usage) -> None:
    body = exchange.body
    above = [
        f"{got} {name} tokens where at most {most} were expected"
        for name, got, most in (
            ("input", usage.input, body.most_input),
            ("output", usage.output, body.max_output),
        )
        if got > most
    ]
    if above:
        exchange.notice(
            "usage.above_expected",
            f"reports more than was set aside for, for example {' and '.join(above)}; the report is booked",
            hint="a budget may be passed by one such call for each in flight; later calls are reserved for by it",
        )
