"""Old traces at the prices that are known now: each charge at the moment at which it was sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from cascade.errors import PriceError
from cascade.prices.base import Price
from cascade.prices.book import PriceBook
from cascade.trace import AttemptFailed, AttemptFinished, ChargeRecord, Event
from cascade.types import Usage

ZERO = Decimal(0)
DECLARED = "config"  # the version of a price that a configuration declared


@dataclass(slots=True, kw_only=True)
class Change:
    """A model's cost at an endpoint, before and after."""

    model: str
    endpoint: str
    before_usd: Decimal = ZERO
    after_usd: Decimal = ZERO


@dataclass(slots=True, kw_only=True)
class Repriced:
    """`unpriced`: the model of every charge that still has no price. `kept`: charges at a declared price."""

    booked_usd: Decimal = ZERO
    repriced_usd: Decimal = ZERO
    unpriced_before: int = 0
    unpriced: list[str] = field(default_factory=list)
    kept: int = 0
    _changes: dict[tuple[str, str], Change] = field(default_factory=dict)

    @property
    def changes(self) -> list[Change]:
        """By model and endpoint, where the sums differ."""
        return [change for change in self._changes.values() if change.before_usd != change.after_usd]

    def add(self, charge: ChargeRecord, after: Decimal | None) -> None:
        """Count one charge."""
        self.booked_usd += charge.cost_usd or ZERO
        self.unpriced_before += charge.cost_usd is None
        if after is None:
            self.unpriced.append(charge.model)
            return
        self.repriced_usd += after
        key = (charge.model, charge.endpoint)
        change = self._changes.setdefault(key, Change(model=charge.model, endpoint=charge.endpoint))
        change.before_usd += charge.cost_usd or ZERO
        change.after_usd += after


def reprice(events: Iterable[Event], *, book: PriceBook | None = None) -> Repriced:
    """Price all charges anew. A price that the configuration declared is a contract and is kept."""
    book = book or PriceBook()
    result = Repriced()
    for event in events:
        if isinstance(event, AttemptFinished | AttemptFailed):
            for charge in event.charges:
                declared = charge.price is not None and charge.price.version == DECLARED
                result.kept += declared
                result.add(charge, charge.cost_usd if declared else _cost(book, charge))
    return result


def _cost(book: PriceBook, charge: ChargeRecord) -> Decimal | None:
    try:
        price: Price = book.lookup(charge.model, charge.at)
    except PriceError:
        return None
    return price.cost(Usage(**charge.usage.model_dump()))
