"""Prices: dated facts with their source."""

from __future__ import annotations

from cascade.prices.base import Price as Price
from cascade.prices.base import PriceOverride as PriceOverride
from cascade.prices.book import PriceBook as PriceBook
