"""Every charge is in the books, at the price of what it was, and the sums are the parts."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import PriceError
from cascade.ledger import Entry, Ledger, PricedCharge, Pricer, Tariff, Totals
from cascade.prices import PriceBook, PriceOverride
from cascade.prices.table import Table
from cascade.types import Billing, Charge, Usage

D = Decimal
AT = datetime(2026, 11, 21, 2, tzinfo=UTC)  # off-peak


def charge(endpoint: str = "flash", *, tokens: int = 1_000_000, billing: Billing = "reported") -> Charge:
    return Charge(endpoint=endpoint, model="m", usage=Usage(output=tokens), at=AT, billing=billing)


def pricer() -> Pricer:
    return Pricer(
        {
            "flash": Tariff(model="deepseek-flash"),
            "pro": Tariff(model="deepseek-v4-pro"),
            "local": Tariff(model="m", override="unknown"),
            "mine": Tariff(model="m", override=PriceOverride(input=D(1), output=D(7))),
        }
    )


def test_a_fallback_is_priced_as_what_it_is() -> None:
    costs = [pricer().priced(charge(name)).cost_usd for name in ("flash", "pro", "mine", "local")]
    assert costs == [D("0.60"), D("1.98"), D(7), None]


def test_a_charge_is_priced_at_the_moment_of_its_request() -> None:
    peak = Charge(endpoint="flash", model="m", usage=Usage(output=1_000_000), at=AT.replace(day=23))
    assert pricer().priced(peak).cost_usd == D("1.20")


def test_a_request_of_unknown_fate_keeps_its_worst_case_beside_the_sum() -> None:
    priced = pricer().priced(charge(tokens=0, billing="unknown"), worst_usd=D("0.3"))
    entry = Entry(task_id="t", tier="flash", charges=(priced,), error="model.timeout")
    assert (entry.cost_usd, entry.unknown_usd) == (D(0), D("0.3"))
    known = pricer().priced(charge(), worst_usd=D("0.3"))
    assert known.worst_usd == 0


def test_without_a_price_the_sum_says_that_it_is_partial() -> None:
    ledger = Ledger()
    ledger.book(Entry(task_id="a", tier="flash", charges=(pricer().priced(charge()),)))
    ledger.book(Entry(task_id="a", tier="local", charges=(pricer().priced(charge("local")),)))
    assert ledger.total.cost_usd == D("0.60")
    assert (ledger.total.unpriced, ledger.total.complete) == (1, False)
    assert ledger.by_tier()["flash"].complete
    assert ledger.entries[1].cost_usd is None


def test_failed_and_cancelled_attempts_are_entries() -> None:
    ledger = Ledger()
    for error in (None, "model.cancelled", "model.interrupted"):
        ledger.book(Entry(task_id="a", tier="flash", charges=(pricer().priced(charge()),), error=error))
    assert (ledger.total.attempts, ledger.total.failed, ledger.total.cost_usd) == (3, 2, D("1.80"))


ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["flash", "pro"]),
        st.lists(st.integers(0, 5000), max_size=4),
    ),
    max_size=20,
)


@given(ENTRIES)
def test_the_whole_is_the_sum_of_its_tiers_tasks_and_endpoints(
    entries: list[tuple[str, str, list[int]]],
) -> None:
    ledger, prices = Ledger(), pricer()
    for task, tier, tokens in entries:
        charges = tuple(prices.priced(charge(tier, tokens=count)) for count in tokens)
        ledger.book(Entry(task_id=task, tier=tier, charges=charges))
    total = ledger.total
    assert sum((part.cost_usd for part in ledger.by_tier().values()), D(0)) == total.cost_usd
    assert sum((ledger.of_task(task).cost_usd for task in "abc"), D(0)) == total.cost_usd
    assert sum(ledger.by_endpoint().values(), D(0)) == total.cost_usd
    assert sum(part.usage.output for part in ledger.by_tier().values()) == total.usage.output
    assert total.requests == sum(len(tokens) for _, _, tokens in entries)


def test_an_empty_ledger_sums_up_to_nothing() -> None:
    assert Ledger().total == Totals()
    assert Entry(task_id="t", tier="flash").cost_usd == 0
    assert PricedCharge(charge=charge(), cost_usd=None, price=None).worst_usd == 0


def test_a_price_in_another_currency_is_refused_and_not_added_up() -> None:
    entry = {
        "start": "2026-01-01T00:00:00Z",
        "price": {"input": "1", "cached_input": "1", "output": "1"},
        "source": "contract",
        "as_of": "2026-01-01",
    }
    table = Table.model_validate(
        {"version": "1", "models": [{"names": ["m"], "currency": "CNY", "rates": [entry]}]}
    )
    with pytest.raises(PriceError, match="in CNY") as caught:
        Pricer({}, book=PriceBook(table)).priced(charge())
    assert caught.value.code == "price.currency"


MINUTE_BEFORE_PEAK = datetime(2026, 11, 23, 0, 59, tzinfo=UTC)
WORST = Usage(input=1_000_000, output=1_000_000)


def test_the_worst_case_holds_if_the_call_waits_into_the_peak_or_falls_back_to_the_dearer() -> None:
    prices = pricer()
    now = prices.worst_case(["flash"], WORST, at=MINUTE_BEFORE_PEAK)
    later = prices.worst_case(["flash"], WORST, at=MINUTE_BEFORE_PEAK, within_s=120)
    dearer = prices.worst_case(["flash", "pro"], WORST, at=MINUTE_BEFORE_PEAK)
    assert (now, later, dearer) == (D("0.75"), D("1.50"), D("2.64"))
    assert prices.worst_case(["flash", "local"], WORST, at=AT) is None
