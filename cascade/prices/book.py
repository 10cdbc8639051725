"""Looks a price up: the configuration's first, then our own dated table, then genai-prices."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, overload

from cascade.errors import PriceError
from cascade.prices.base import Price, PriceOverride, Unknown
from cascade.prices.sellers import OWN_TABLE

if TYPE_CHECKING:
    from cascade.prices.table import Table


class PriceBook:
    """Prices by model and moment. Loads its table when first asked.

    table: None for the one that ships; another for tests or private agreements.
    """

    def __init__(self, table: Table | None = None) -> None:
        self._given = table

    @cached_property
    def table(self) -> Table:
        """Our own dated prices."""
        from cascade.prices.table import shipped

        return self._given or shipped()

    @overload
    def lookup(
        self,
        model: str,
        at: datetime | None = None,
        *,
        override: PriceOverride | None = None,
        provider: str | None = None,
    ) -> Price: ...

    @overload
    def lookup(
        self,
        model: str,
        at: datetime | None = None,
        *,
        override: PriceOverride | Unknown | None,
        provider: str | None = None,
    ) -> Price | None: ...

    def lookup(
        self,
        model: str,
        at: datetime | None = None,
        *,
        override: PriceOverride | Unknown | None = None,
        provider: str | None = None,
    ) -> Price | None:
        """The price in force for a request sent `at` (aware; None: now).

        None only if `override` is `"unknown"`. Raises `PriceError` (`price.unknown`, `price.retired`,
        `price.before`) otherwise where no price is known. provider: the seller, as genai-prices calls it; where it
        is not known to sell the model, the price is that of another.
        """
        moment = datetime.now(UTC) if at is None else at
        if moment.tzinfo is None:
            raise ValueError("a price is asked for at an aware datetime, with its time zone")
        if override == "unknown":
            return None
        if override is not None:
            return override.price(moment.astimezone(UTC).date().isoformat())
        return (
            self._of_seller(model, moment, provider)
            or self.table.lookup(model, moment)
            or self._elsewhere(model, moment)
        )

    def _of_seller(self, model: str, moment: datetime, provider: str | None) -> Price | None:
        """The price of a seller that our own table is not about."""
        if provider in (None, OWN_TABLE):
            return None
        from cascade.prices.others import lookup

        return lookup(model, moment, provider=provider)

    def _elsewhere(self, model: str, moment: datetime) -> Price:
        from cascade.prices.others import lookup

        found = lookup(model, moment)
        if found is not None:
            return found
        raise PriceError(
            f"no price is known for the model {model!r}",
            hint="declare it: `price: {input: 0.15, cached_input: 0.003, output: 0.60}`, USD per 1M tokens, "
            "or write `price: unknown` if sums may go without it",
        )
