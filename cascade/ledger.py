"""What every call cost: each charge priced as what it is, one entry an attempt, sums by tier and in all.

A `Pricer` turns charges into costs; a `Ledger` keeps the entries. Failed, cancelled and unparsable answers
are entries like any other. A cost of None (price declared unknown) makes a sum partial, and it says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from cascade.errors import PriceError
from cascade.prices import Price, PriceBook, PriceOverride
from cascade.prices.base import Unknown
from cascade.types import Charge, Usage

ZERO = Decimal(0)
LEDGER_CURRENCY = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """How an endpoint is priced: by its model's price at the moment, or as declared."""

    model: str
    override: PriceOverride | Unknown | None = None
    provider: str | None = None
    max_output_tokens: int = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedCharge:
    """A charge and its cost in USD. `worst_usd` is what it may have cost where its billing is unknown."""

    charge: Charge
    cost_usd: Decimal | None
    price: Price | None
    worst_usd: Decimal = ZERO


class Pricer:
    """Prices charges by endpoint.

    tariffs: by endpoint name. An endpoint without a tariff is priced by the charge's model alone.
    """

    def __init__(self, tariffs: Mapping[str, Tariff], *, book: PriceBook | None = None) -> None:
        self._tariffs = dict(tariffs)
        self._book = book or PriceBook()

    def price(self, charge: Charge, *, otherwise: str = "", tariff: Tariff | None = None) -> Price | None:
        """The price in force when the request was sent; None where it is declared unknown.

        `otherwise`: the endpoint whose tariff holds if the charge's own has none (a model plug-in's).
        `tariff` stands above both.
        Raises `PriceError` where none is known and none was declared.
        """
        tariff = tariff or self._tariffs.get(charge.endpoint) or self._tariffs.get(otherwise)
        tariff = tariff or Tariff(model=charge.model)
        price = self._book.lookup(tariff.model, charge.at, override=tariff.override, provider=tariff.provider)
        if price is not None and price.currency != LEDGER_CURRENCY:
            raise PriceError(
                f"the price of {tariff.model!r} is in {price.currency}, and the ledger is in {LEDGER_CURRENCY}",
                hint=f"declare the price in {LEDGER_CURRENCY} per 1M tokens in the configuration",
                code="price.currency",
            )
        return price

    def worst_case(
        self, endpoints: Sequence[str], usage: Usage, *, at: datetime, within_s: float = 0.0
    ) -> Decimal | None:
        """The most USD that `usage` may cost at any of a tier's endpoints, sent between `at` and so much later.

        A call may wait for its turn until a peak has begun, and a fallback may be dearer than the tier's own
        endpoint: what is set aside must hold for both. No window or promotion is shorter than a call may take, so
        the two ends of the time are enough. None if a price is declared unknown.
        """
        moments = (at, at + timedelta(seconds=within_s))
        probes = [
            Charge(endpoint=name, model=self._tariffs[name].model, usage=usage, at=moment)
            for name in endpoints
            for moment in moments
        ]
        prices = [self.price(probe) for probe in probes]
        known = [price.worst_case(usage.input, usage.output) for price in prices if price is not None]
        return None if None in prices else max(known, default=ZERO)

    def priced(
        self,
        charge: Charge,
        *,
        worst_usd: Decimal = ZERO,
        otherwise: str = "",
        tariff: Tariff | None = None,
    ) -> PricedCharge:
        """The charge with its cost. `worst_usd`: what was reserved for it, kept if its billing is unknown."""
        price = self.price(charge, otherwise=otherwise, tariff=tariff)
        return PricedCharge(
            charge=charge,
            cost_usd=None if price is None else price.cost(charge.usage),
            price=price if price is None else price.for_input(charge.usage.input),
            worst_usd=worst_usd if charge.billing == "unknown" else ZERO,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One attempt in the books. `unknown_usd`: at most so much more may have been billed. `shadow`: made beside."""

    task_id: str
    tier: str
    node: str = "generate"
    attempt: int = 1
    charges: tuple[PricedCharge, ...] = ()
    latency_s: float = 0.0
    error: str | None = None
    shadow: bool = False

    @property
    def usage(self) -> Usage:
        """Tokens of all charges."""
        return sum((priced.charge.usage for priced in self.charges), Usage())

    @property
    def cost_usd(self) -> Decimal | None:
        """USD of all charges; None if one of them has no known price."""
        costs = [priced.cost_usd for priced in self.charges]
        return None if None in costs else sum((cost for cost in costs if cost is not None), ZERO)

    @property
    def unknown_usd(self) -> Decimal:
        """What requests without an answer may have cost at most."""
        return sum((priced.worst_usd for priced in self.charges), ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over entries. `cost_usd` is over what has a price; `unpriced` counts charges without one."""

    attempts: int = 0
    requests: int = 0
    failed: int = 0
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal = ZERO
    unknown_usd: Decimal = ZERO
    unpriced: int = 0
    latency_s: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether `cost_usd` is the whole of it."""
        return self.unpriced == 0

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Totals:
        """Sum entries up."""
        charges = [priced for entry in entries for priced in entry.charges]
        return cls(
            attempts=len(entries),
            requests=len(charges),
            failed=sum(entry.error is not None for entry in entries),
            usage=sum((entry.usage for entry in entries), Usage()),
            cost_usd=sum((priced.cost_usd for priced in charges if priced.cost_usd is not None), ZERO),
            unknown_usd=sum((entry.unknown_usd for entry in entries), ZERO),
            unpriced=sum(priced.cost_usd is None for priced in charges),
            latency_s=sum(entry.latency_s for entry in entries),
        )


class Ledger:
    """The books of a run: append only."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries, oldest first."""
        return tuple(self._entries)

    def book(self, entry: Entry) -> None:
        """Add an attempt, whatever became of it."""
        self._entries.append(entry)

    @property
    def total(self) -> Totals:
        """Sums over everything, shadows included."""
        return Totals.of(self._entries)

    @property
    def shadow(self) -> Totals:
        """Sums over shadows alone."""
        return Totals.of([entry for entry in self._entries if entry.shadow])

    def by_tier(self) -> dict[str, Totals]:
        """Sums by tier, in the order in which tiers first appear."""
        return {tier: Totals.of([e for e in self._entries if e.tier == tier]) for tier in self._tiers()}

    def by_endpoint(self) -> dict[str, Decimal]:
        """USD by endpoint, over what has a price."""
        sums: dict[str, Decimal] = {}
        for priced in (priced for entry in self._entries for priced in entry.charges):
            name = priced.charge.endpoint
            sums[name] = sums.get(name, ZERO) + (priced.cost_usd or ZERO)
        return sums

    def of_task(self, task_id: str) -> Totals:
        """Sums over one task."""
        return Totals.of([entry for entry in self._entries if entry.task_id == task_id])

    def _tiers(self) -> list[str]:
        return list(dict.fromkeys(entry.tier for entry in self._entries))
