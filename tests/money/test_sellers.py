"""The address tells whose price holds; a price of another seller is used with a warning."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cascade.config import TierConfig
from cascade.prices import PriceBook
from cascade.prices.sellers import seller_of
from cascade.wiring.tiers import seller_notices

AT = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("address", "seller"),
    [
        ("https://api.deepseek.com/beta", "deepseek"),
        ("https://notdeepseek.com/v1", None),
        ("https://api.openai.com/v1", "openai"),
        ("https://api.anthropic.com/v1/", "anthropic"),
        ("https://openrouter.ai/api/v1", "openrouter"),
        ("http://127.0.0.1:8000/v1", None),
        ("http://gpu-box:8000/v1", None),
        ("https://llm.example.org/v1", None),
    ],
)
def test_the_address_tells_the_seller(address: str, seller: str | None) -> None:
    assert seller_of(address) == seller


def test_a_sellers_own_price_goes_before_the_table() -> None:
    own = PriceBook().lookup("gpt-4o", AT, provider="openai")
    assert own.note.startswith("openai/")
    assert PriceBook().lookup("deepseek-v4-pro", AT, provider="deepseek").version == PriceBook().table.version


def notices(model: str, address: str, **more: Any) -> list[str]:
    tier = TierConfig.model_validate({"model": model, "base_url": address, **more})
    return [notice.message for notice in seller_notices("flash", tier)]


@pytest.mark.parametrize(
    ("model", "address", "more", "said"),
    [
        ("deepseek-flash", "https://api.deepseek.com", {}, None),
        ("gpt-4o", "https://api.openai.com/v1", {}, None),
        ("deepseek-flash", "http://127.0.0.1:8000/v1", {"price": {"input": 0, "output": 0}}, None),
        ("deepseek-flash", "http://127.0.0.1:8000/v1", {"price": "unknown"}, None),
        ("deepseek-flash", "http://127.0.0.1:8000/v1", {}, "another seller (deepseek)"),
        ("gpt-4o", "https://llm.example.org/v1", {}, "another seller (openai)"),
    ],
)
def test_a_price_of_another_seller_is_said(
    model: str, address: str, more: dict[str, Any], said: str | None
) -> None:
    found = notices(model, address, **more)
    assert [said in each for each in found if said] == ([True] if said else [])
    assert bool(found) is (said is not None)
