"""The price in force at a moment, each with the page that says so."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from cascade.cli.prices import prices
from cascade.errors import InputError, PriceError
from cascade.prices import Price, PriceBook, PriceOverride
from cascade.prices.table import Table
from cascade.types import Usage

# Sources. A moment's price is what these pages say, not what the table says.
AUTUMN = "https://api-docs.deepseek.com/quick_start/pricing, copy of autumn 2026"
SUMMER = "https://api-docs.deepseek.com/quick_start/pricing, copy of August 2026"
MAY = "https://api-docs.deepseek.com/quick_start/pricing, copy of 2026-05-22"
APRIL = "https://api-docs.deepseek.com/quick_start/pricing, copy of 2026-04-25 16:57 UTC"
APRIL_NEWS = "https://tokenmix.ai/blog/deepseek-api-pricing (2026-04-30), quoting the pricing page"
OLD = "https://api-docs.deepseek.com/quick_start/pricing, copy of August 2025"
SPRING = "https://benchlm.ai/blog/posts/deepseek-api-pricing (2026-04-13), quoting the pricing page"
HOLIDAYS = "State Council notice on the holidays of 2026, with " + AUTUMN

FLASH, FLASH_PEAK = ("0.15", "0.003", "0.60"), ("0.30", "0.006", "1.20")
PRO, PRO_PEAK = ("0.66", "0.022", "1.98"), ("1.32", "0.044", "3.96")
FLASH_SUMMER, PRO_SUMMER = ("0.14", "0.0028", "0.28"), ("0.435", "0.003625", "0.87")

MOMENTS = [
    # weekdays and hours, Beijing time is UTC+8
    ("deepseek-flash", "2026-11-23T02:00Z", FLASH_PEAK, AUTUMN, "Monday 10:00 in Beijing"),
    ("deepseek-flash", "2026-11-21T02:00Z", FLASH, AUTUMN, "Saturday 02:00 UTC is off-peak"),
    ("deepseek-flash", "2026-11-22T02:00Z", FLASH, AUTUMN, "Sunday"),
    ("deepseek-flash", "2026-11-20T15:59Z", FLASH, AUTUMN, "Friday night in Beijing"),
    ("deepseek-flash", "2026-11-23T00:59:59Z", FLASH, AUTUMN, "the second before the morning peak"),
    ("deepseek-flash", "2026-11-23T01:00Z", FLASH_PEAK, AUTUMN, "the morning peak begins"),
    ("deepseek-flash", "2026-11-23T03:59:59Z", FLASH_PEAK, AUTUMN, "its last second"),
    ("deepseek-flash", "2026-11-23T04:00Z", FLASH, AUTUMN, "noon in Beijing"),
    ("deepseek-flash", "2026-11-23T05:59:59Z", FLASH, AUTUMN, "the second before the afternoon peak"),
    ("deepseek-flash", "2026-11-23T06:00Z", FLASH_PEAK, AUTUMN, "the afternoon peak begins"),
    ("deepseek-flash", "2026-11-23T09:59:59Z", FLASH_PEAK, AUTUMN, "its last second"),
    ("deepseek-flash", "2026-11-23T10:00Z", FLASH, AUTUMN, "18:00 in Beijing"),
    ("deepseek-v4-pro", "2026-11-23T07:30+01:00", PRO_PEAK, AUTUMN, "asked for in another time zone"),
    (
        "deepseek-v4-pro",
        "2026-11-22T20:00-08:00",
        PRO,
        AUTUMN,
        "Sunday evening in California, noon Monday in Beijing",
    ),
    ("deepseek-v4-pro", "2026-11-22T19:00-08:00", PRO_PEAK, AUTUMN, "an hour before that it is still peak"),
    ("deepseek-v4-flash", "2026-11-23T02:00Z", FLASH_PEAK, AUTUMN, "the old name is billed as the new one"),
    # holidays
    ("deepseek-v4-pro", "2026-10-01T02:00Z", PRO, HOLIDAYS, "National Day, a Thursday"),
    ("deepseek-v4-pro", "2026-10-07T09:00Z", PRO, HOLIDAYS, "the last day of that week, a Wednesday"),
    ("deepseek-v4-pro", "2026-10-08T02:00Z", PRO_PEAK, HOLIDAYS, "the first working day after it"),
    ("deepseek-flash", "2026-09-25T02:00Z", FLASH, HOLIDAYS, "Mid-Autumn, a Friday"),
    ("deepseek-flash", "2026-09-24T02:00Z", FLASH_PEAK, HOLIDAYS, "the Thursday before it"),
    (
        "deepseek-flash",
        "2026-10-10T02:00Z",
        FLASH,
        HOLIDAYS,
        "a Saturday that is worked is no weekday of the rule",
    ),
    ("deepseek-flash", "2026-09-30T16:00Z", FLASH, HOLIDAYS, "midnight of the holiday in Beijing"),
    # the change of August
    ("deepseek-flash", "2026-08-16T15:59:59Z", FLASH_SUMMER, SUMMER, "the last second of the old prices"),
    (
        "deepseek-flash",
        "2026-08-16T16:00Z",
        FLASH,
        AUTUMN,
        "the first of the new ones, a Monday's midnight in Beijing",
    ),
    ("deepseek-flash", "2026-08-17T01:00Z", FLASH_PEAK, AUTUMN, "the first peak"),
    ("deepseek-v4-pro", "2026-08-16T15:59Z", PRO_SUMMER, SUMMER, "the minute before"),
    ("deepseek-v4-pro", "2026-08-16T16:00Z", PRO, AUTUMN, "the minute after"),
    (
        "deepseek-v4-pro",
        "2026-08-14T02:00Z",
        PRO_SUMMER,
        SUMMER,
        "a Friday morning when there was no peak yet",
    ),
    # months ago: promotions and their ends
    (
        "deepseek-v4-pro",
        "2026-04-24T12:00Z",
        ("1.74", "0.145", "3.48"),
        APRIL_NEWS,
        "list price at the release",
    ),
    (
        "deepseek-v4-pro",
        "2026-04-25T16:57Z",
        ("0.435", "0.03625", "0.87"),
        APRIL,
        "75% off, cache not yet cheaper",
    ),
    (
        "deepseek-v4-pro",
        "2026-04-26T12:14:59Z",
        ("0.435", "0.03625", "0.87"),
        APRIL,
        "the second before the cache's cut",
    ),
    ("deepseek-v4-pro", "2026-04-26T12:15Z", ("0.435", "0.003625", "0.87"), MAY, "cache hits at a tenth"),
    (
        "deepseek-v4-pro",
        "2026-05-31T15:59:59Z",
        ("0.435", "0.003625", "0.87"),
        MAY,
        "the promotion's last second",
    ),
    ("deepseek-v4-pro", "2026-05-31T16:00Z", PRO_SUMMER, MAY, "its price became the list price"),
    (
        "deepseek-flash",
        "2026-04-26T12:14:59Z",
        ("0.14", "0.028", "0.28"),
        APRIL,
        "flash before the cache's cut",
    ),
    ("deepseek-flash", "2026-04-26T12:15Z", FLASH_SUMMER, APRIL_NEWS, "and after"),
    # older names
    ("deepseek-chat", "2026-07-24T15:59:59Z", FLASH_SUMMER, MAY, "its last second, billed as v4-flash"),
    ("deepseek-chat", "2026-04-13T00:00Z", ("0.28", "0.028", "0.42"), SPRING, "V3.2"),
    (
        "deepseek-chat",
        "2025-09-05T15:59:59Z",
        ("0.27", "0.07", "1.10"),
        OLD,
        "the last second of the night discount's list",
    ),
    ("deepseek-chat", "2025-09-05T16:00Z", ("0.56", "0.07", "1.68"), OLD, "one price for all hours"),
    ("deepseek-chat", "2025-09-05T17:00Z", ("0.56", "0.07", "1.68"), OLD, "no discount any more that night"),
    (
        "deepseek-chat",
        "2025-08-20T16:29:59Z",
        ("0.27", "0.07", "1.10"),
        OLD,
        "the second before the night discount",
    ),
    ("deepseek-chat", "2025-08-20T16:30Z", ("0.135", "0.035", "0.55"), OLD, "the night discount begins"),
    (
        "deepseek-chat",
        "2025-08-21T00:29:59Z",
        ("0.135", "0.035", "0.55"),
        OLD,
        "after midnight it is still night",
    ),
    ("deepseek-reasoner", "2025-08-21T00:30Z", ("0.55", "0.14", "2.19"), OLD, "morning"),
    ("deepseek-reasoner", "2025-08-20T23:00Z", ("0.135", "0.035", "0.55"), OLD, "75% off at night"),
]


@pytest.mark.parametrize(
    ("model", "at", "expected", "source", "why"), MOMENTS, ids=[f"{m[0]}-{m[1]}" for m in MOMENTS]
)
def test_price_in_force(model: str, at: str, expected: tuple[str, str, str], source: str, why: str) -> None:
    price = PriceBook().lookup(model, datetime.fromisoformat(at))
    found = (price.input, price.cached_input, price.output)
    assert found == tuple(map(Decimal, expected)), f"{why} ({source})"
    assert price.source.startswith("https://api-docs.deepseek.com/")
    assert price.currency == "USD"


def test_the_promotion_names_its_end() -> None:
    price = PriceBook().lookup("deepseek-v4-pro", datetime(2026, 5, 1, tzinfo=UTC))
    assert "75% off" in price.note
    assert "2026-05-31 16:00 UTC" in price.note


def test_a_year_without_published_holidays_is_said_to_be_assumed() -> None:
    price = PriceBook().lookup("deepseek-flash", datetime(2027, 3, 1, 2, tzinfo=UTC))
    assert price.input == Decimal("0.30")
    assert "holidays of 2027 are not in the table" in price.note


def test_a_retired_name_is_refused_with_the_new_one_and_the_date() -> None:
    with pytest.raises(PriceError, match="retired on 2026-07-24 16:00 UTC") as caught:
        PriceBook().lookup("deepseek-chat", datetime(2026, 7, 24, 16, tzinfo=UTC))
    assert caught.value.code == "price.retired"
    assert "deepseek-flash" in caught.value.hint


def test_before_the_first_entry_nothing_is_made_up() -> None:
    with pytest.raises(PriceError) as caught:
        PriceBook().lookup("deepseek-flash", datetime(2026, 1, 1, tzinfo=UTC))
    assert caught.value.code == "price.before"


def test_an_unknown_model_is_an_error_and_says_how_to_go_on() -> None:
    with pytest.raises(PriceError) as caught:
        PriceBook().lookup("no-such-model-anywhere")
    assert caught.value.code == "price.unknown"
    assert "price: unknown" in caught.value.hint


def test_unknown_is_none_only_where_it_is_declared() -> None:
    assert PriceBook().lookup("no-such-model-anywhere", override="unknown") is None


def test_the_configuration_is_above_the_table() -> None:
    override = PriceOverride(input=Decimal(1), output=Decimal(2))
    price = PriceBook().lookup("deepseek-flash", datetime(2026, 11, 23, 2, tzinfo=UTC), override=override)
    assert (price.input, price.cached_input, price.output) == (Decimal(1), Decimal(1), Decimal(2))
    assert price.version == "config"


def test_the_rest_comes_from_genai_prices_with_its_version() -> None:
    price = PriceBook().lookup("gpt-4o-mini", datetime(2026, 11, 1, tzinfo=UTC))
    assert (price.input, price.cached_input, price.output) == (
        Decimal("0.15"),
        Decimal("0.075"),
        Decimal("0.6"),
    )
    assert price.version.startswith("genai-prices ")


def test_a_price_that_steps_up_with_the_input_is_taken_at_its_step() -> None:
    price = PriceBook().lookup("claude-sonnet-4-5", datetime(2026, 11, 1, tzinfo=UTC))
    assert price.cost(Usage(input=200_000)) == Decimal("0.6")
    assert price.cost(Usage(input=200_001)) == 200_001 * Decimal(6) / 1_000_000


def test_what_is_written_to_the_cache_has_a_price_of_its_own() -> None:
    price = PriceBook().lookup("claude-sonnet-4-5", datetime(2026, 11, 1, tzinfo=UTC))
    assert price.cache_write == Decimal("3.75")
    usage = Usage(input=1_000, cached_input=300, cache_write_tokens=600, output=10)
    parts = 100 * Decimal(3) + 300 * Decimal("0.3") + 600 * Decimal("3.75") + 10 * Decimal(15)
    assert price.cost(usage) == parts / 1_000_000
    assert price.worst_case(1_000, 10) == (1_000 * Decimal("3.75") + 150) / 1_000_000
    declared = PriceOverride(input=Decimal(2), output=Decimal(0)).price("2026-11-01")
    assert declared.cost(usage) == Decimal("0.002")


def test_a_naive_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        PriceBook().lookup("deepseek-flash", datetime(2026, 11, 1))  # noqa: DTZ001


RATES = {"input": "0.15", "cached_input": "0.003", "output": "0.60"}


def price(**more: str) -> Price:
    known = {name: Decimal(text) for name, text in {**RATES, **more}.items()}
    return Price(
        source="test",
        as_of="2026-11-01",
        version="1",
        input=known["input"],
        cached_input=known["cached_input"],
        output=known["output"],
    )


TOKENS = st.integers(0, 10**6)


@given(fresh=TOKENS, cached=TOKENS, output=TOKENS)
def test_a_cost_is_exact_and_never_above_the_worst_case(fresh: int, cached: int, output: int) -> None:
    usage = Usage(input=fresh + cached, cached_input=cached, output=output)
    cost = price().cost(usage)
    assert cost * 1_000_000 == fresh * Decimal("0.15") + cached * Decimal("0.003") + output * Decimal("0.60")
    assert cost <= price().worst_case(usage.input, output)


@given(st.lists(st.tuples(TOKENS, TOKENS), max_size=8))
def test_costs_add_up_without_rounding(pairs: list[tuple[int, int]]) -> None:
    usages = [Usage(input=a, output=b) for a, b in pairs]
    assert sum((price().cost(u) for u in usages), Decimal(0)) == price().cost(sum(usages, Usage()))


def test_a_table_of_ones_own_is_read_and_a_wrong_one_refused(tmp_path: Path) -> None:
    good = tmp_path / "prices.json"
    entry = {
        "start": "2026-01-01T00:00:00Z",
        "price": {"input": "1", "cached_input": "1", "output": "1"},
        "source": "contract",
        "as_of": "2026-01-01",
    }
    good.write_text(
        json.dumps({"version": "1", "models": [{"names": ["mine"], "currency": "CNY", "rates": [entry]}]})
    )
    mine = PriceBook(Table.from_file(good)).lookup("mine", datetime(2026, 6, 1, tzinfo=UTC))
    assert mine.currency == "CNY"
    good.write_text('{"version": "1", "modells": []}')
    with pytest.raises(InputError, match="modells"):
        Table.from_file(good)


def test_the_command_prints_price_and_source_as_json() -> None:
    ran = CliRunner().invoke(prices, ["deepseek-flash", "--at", "2026-11-21T02:00Z", "--json"])
    document = json.loads(ran.stdout)
    assert (document["input"], document["cached_input"], document["output"]) == (0.15, 0.003, 0.6)
    assert set(document) >= {"model", "at", "input", "cached_input", "output", "currency", "source", "as_of"}


def test_the_command_takes_a_zone_and_refuses_what_is_no_time() -> None:
    peak = CliRunner().invoke(prices, ["deepseek-flash", "--at", "2026-11-23T10:00+08:00"])
    assert "peak" in peak.stdout
    assert CliRunner().invoke(prices, ["deepseek-flash", "--at", "tomorrow"]).exit_code == 2


def test_a_window_in_a_zone_with_summer_time_moves_with_it() -> None:
    rate = {"input": "1", "cached_input": "1", "output": "1"}
    peak = {
        "label": "peak",
        "time_zone": "Europe/Berlin",
        "hours": ["09:00-10:00"],
        "price": {**rate, "input": "2"},
    }
    entry = {
        "start": "2026-01-01T00:00:00Z",
        "price": rate,
        "source": "s",
        "as_of": "2026",
        "windows": [peak],
    }
    table = Table.model_validate({"version": "1", "models": [{"names": ["m"], "rates": [entry]}]})
    winter, summer = datetime(2026, 1, 15, 8, 30, tzinfo=UTC), datetime(2026, 7, 15, 7, 30, tzinfo=UTC)
    for moment in (winter, summer):
        found = PriceBook(table).lookup("m", moment)
        assert (found.input, found.note) == (Decimal(2), "peak")
    with pytest.raises(ValueError, match="no time zone"):
        Table.model_validate(json.loads(table.model_dump_json().replace("Europe/Berlin", "Europe/Nowhere")))


def test_the_interpreter_ends_well_with_the_table_loaded() -> None:
    """In development mode, where it fills freed memory: pydantic's zone objects did not survive that."""
    code = "from cascade.prices import PriceBook; PriceBook().table"
    ran = subprocess.run([sys.executable, "-X", "dev", "-c", code], capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()[-300:]
