"""Who sells at an address, and whether a price is that seller's."""

from __future__ import annotations

from functools import cache
from urllib.parse import urlsplit

from cascade.prices.base import Price

OWN_TABLE = "deepseek"  # whose prices our own table holds
_OWN_HOST = "deepseek.com"


@cache
def seller_of(base_url: str) -> str | None:
    """The seller's id in genai-prices; None for an address that nobody is known to sell at."""
    host = (urlsplit(base_url).hostname or "").lower()
    if host == _OWN_HOST or host.endswith(f".{_OWN_HOST}"):
        return OWN_TABLE
    if "." not in host or host.replace(".", "").isdigit():  # an own machine: the library need not load
        return None
    from genai_prices.data_snapshot import get_snapshot

    try:
        return str(get_snapshot().find_provider(None, None, base_url).id)
    except LookupError:
        return None


def quoted_by(price: Price) -> str | None:
    """The seller whose price it is; None for a price that was declared."""
    if price.version == "config":
        return None
    return price.note.partition("/")[0] if price.version.startswith("genai-prices") else OWN_TABLE
