"""Prices of models that our own table does not hold, from genai-prices (offline)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from cascade.prices.base import Price

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice, TieredPrices


def lookup(model: str, at: datetime, *, provider: str | None = None) -> Price | None:
    """The price of `model` at `at`; None if it is not known there. Prices that step up with the input keep
    their steps.
    """
    import genai_prices

    try:
        found = genai_prices.calc_price(
            genai_prices.Usage(input_tokens=1, output_tokens=1),
            model,
            provider_id=provider,
            genai_request_timestamp=at,
        )
    except LookupError:
        return None
    prices = found.model_price
    if _rate(prices, "input_mtok", 0) is None or _rate(prices, "output_mtok", 0) is None:
        return None
    library = f"genai-prices {genai_prices.__version__}"
    flat = _flat(prices, 0, library, f"{found.provider.id}/{found.model.id}")
    steps = tuple((start, _flat(prices, start + 1, library, flat.note)) for start in _starts(prices))
    return replace(flat, steps=steps)


def _flat(prices: ModelPrice, tokens: int, library: str, note: str) -> Price:
    fresh = _rate(prices, "input_mtok", tokens) or Decimal(0)
    cached, written = _rate(prices, "cache_read_mtok", tokens), _rate(prices, "cache_write_mtok", tokens)
    return Price(
        input=fresh,
        cached_input=fresh if cached is None else cached,
        output=_rate(prices, "output_mtok", tokens) or Decimal(0),
        cache_write=written,
        source=f"{library} (https://github.com/pydantic/genai-prices)",
        as_of=library,
        version=library,
        note=note,
    )


def _rate(prices: ModelPrice, key: str, tokens: int) -> Decimal | None:
    """The rate of a request with `tokens` input tokens; None where the key has none."""
    value: Decimal | TieredPrices | None = getattr(prices, key, None)
    if value is None or isinstance(value, Decimal):
        return value
    passed = [tier.price for tier in value.tiers if tokens > tier.start]
    return passed[-1] if passed else value.base


def _starts(prices: ModelPrice) -> list[int]:
    keys = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")
    values = (getattr(prices, key, None) for key in keys)
    return sorted({tier.start for value in values for tier in getattr(value, "tiers", ())})
