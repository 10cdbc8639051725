"""A table of dated prices: rates from a moment on, windows by weekday and hour, holidays, promotions.

Order of precedence at a moment: a promotion that covers it, else a window of the rate in force, else the
rate itself. Starts are inclusive, ends exclusive. `table.json` holds the one that ships.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from cascade.errors import InputError, PriceError
from cascade.prices.base import Price

# In the standard library's UTC: pydantic's own zone objects crash the interpreter where they live to its end.
Moment = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rate(_Strict):
    """Per 1M tokens."""

    input: Decimal
    cached_input: Decimal
    output: Decimal
    cache_write: Decimal | None = None


def zone(name: str) -> tzinfo:
    """The zone of an offset (`+08:00`) or of an IANA name. Raises `ValueError` if there is none."""
    if name[:1] in "+-":
        offset = datetime.fromisoformat(f"2000-01-01T00:00{name}").tzinfo
        assert offset is not None
        return offset
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"no time zone {name!r} is known here; is tzdata installed?") from error


def _zone_name(value: str) -> str:
    zone(value)
    return value


def _hours(value: str) -> str:
    start, end = (time.fromisoformat(part) for part in value.split("-"))
    if start == end:
        raise ValueError(f"the window {value} is empty")
    return value


class Window(_Strict):
    """Hours in which another rate holds. `weekdays` are ISO (Monday 1). Hours may run over midnight.

    A window over midnight belongs to the day on which it starts. `time_zone` is an offset like `+08:00` where a
    zone has no summer time (Beijing has none), else a name like `Europe/Berlin`, which needs the system's tzdata.
    """

    label: str
    time_zone: Annotated[str, AfterValidator(_zone_name)]
    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    except_holidays: str | None = None
    hours: tuple[Annotated[str, AfterValidator(_hours)], ...]
    price: Rate


class Dated(_Strict):
    """What every entry says of itself."""

    start: Moment
    price: Rate
    source: str
    as_of: str
    note: str = ""


class DatedRate(Dated):
    """The list price from `start` on, with its windows."""

    windows: tuple[Window, ...] = ()


class Promotion(Dated):
    """Another price from `start` until `end`."""

    end: Moment
    label: str


class Retirement(_Strict):
    """Since when a name is not served any more, and what to ask for instead."""

    at: Moment
    successor: str


class Calendar(_Strict):
    """Public holidays by year; each entry is an ISO date or `first/last`."""

    source: str
    years: dict[int, tuple[str, ...]]

    def knows(self, day: date) -> bool:
        """Whether the year's holidays have been published into this table."""
        return day.year in self.years

    def is_holiday(self, day: date) -> bool:
        """Whether `day` lies in one of the year's ranges."""
        for entry in self.years.get(day.year, ()):
            first, _, last = entry.partition("/")
            if date.fromisoformat(first) <= day <= date.fromisoformat(last or first):
                return True
        return False


class ModelPrices(_Strict):
    """A model's names and everything that its price has been."""

    names: tuple[str, ...]
    currency: str = "USD"
    rates: tuple[DatedRate, ...]
    promotions: tuple[Promotion, ...] = ()
    retired: Retirement | None = None


class Table(_Strict):
    """All of it."""

    version: str
    calendars: dict[str, Calendar] = Field(default_factory=dict)
    models: tuple[ModelPrices, ...]

    @classmethod
    def from_file(cls, path: Path) -> Table:
        """A table of your own, of the same shape. Raises `InputError` where it is not."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise InputError(f"{path}: not a price table: {error}", code="input.prices") from error

    def models_named(self) -> tuple[str, ...]:
        """Every name that has a price here."""
        return tuple(name for model in self.models for name in model.names)

    def knows(self, name: str, at: datetime) -> bool:
        """Whether `name` has a price at `at`."""
        model = self._find(name)
        return model is not None and any(rate.start <= at for rate in model.rates)

    def retirement(self, name: str, at: datetime) -> Retirement | None:
        """The retirement of `name` if it has come by `at`."""
        model = self._find(name)
        if model is None or model.retired is None or at < model.retired.at:
            return None
        return model.retired

    def lookup(self, name: str, at: datetime) -> Price | None:
        """The price of `name` at `at` (aware). None if the table does not know the model.

        Raises `PriceError` `price.retired` after the name's end, `price.before` before its first entry.
        """
        model = self._find(name)
        if model is None:
            return None
        retired = self.retirement(name, at)
        if retired is not None:
            raise PriceError(
                f"the model name {name!r} was retired on {retired.at:%Y-%m-%d %H:%M} UTC",
                hint=f"use {retired.successor}",
                code="price.retired",
            )
        for promotion in reversed(model.promotions):
            if promotion.start <= at < promotion.end:
                until = f"promotion ({promotion.label}) until {promotion.end:%Y-%m-%d %H:%M} UTC"
                return self._price(model, promotion, promotion.price, notes=(until,))
        rate = max(
            (rate for rate in model.rates if rate.start <= at), key=lambda rate: rate.start, default=None
        )
        if rate is None:
            raise PriceError(
                f"no price of {name!r} at {at:%Y-%m-%d} is known, only since {model.rates[0].start:%Y-%m-%d}",
                hint="declare the price in the configuration",
                code="price.before",
            )
        return self._in_force(model, rate, at)

    def _in_force(self, model: ModelPrices, rate: DatedRate, at: datetime) -> Price:
        for window in rate.windows:
            inside, assumed = self._covers(window, at)
            if inside:
                return self._price(model, rate, window.price, notes=(window.label, *assumed))
        return self._price(model, rate, rate.price)

    def _covers(self, window: Window, at: datetime) -> tuple[bool, tuple[str, ...]]:
        local = at.astimezone(zone(window.time_zone))
        for hours in window.hours:
            start, end = (time.fromisoformat(part) for part in hours.split("-"))
            now, day = local.time(), local.date()
            if start < end:
                inside = start <= now < end
            else:
                inside = now >= start or now < end
                if now < end:
                    day = date.fromordinal(day.toordinal() - 1)
            if inside and day.isoweekday() in window.weekdays:
                return self._working(window, day)
        return False, ()

    def _working(self, window: Window, day: date) -> tuple[bool, tuple[str, ...]]:
        if window.except_holidays is None:
            return True, ()
        calendar = self.calendars[window.except_holidays]
        if not calendar.knows(day):
            return True, (
                f"the public holidays of {day.year} are not in the table: counted as a working day",
            )
        return not calendar.is_holiday(day), ()

    def _price(self, model: ModelPrices, entry: Dated, rate: Rate, *, notes: tuple[str, ...] = ()) -> Price:
        return Price(
            input=rate.input,
            cached_input=rate.cached_input,
            output=rate.output,
            cache_write=rate.cache_write,
            currency=model.currency,
            source=entry.source,
            as_of=entry.as_of,
            version=self.version,
            note="; ".join(note for note in (*notes, entry.note) if note),
        )

    def _find(self, name: str) -> ModelPrices | None:
        return next((model for model in self.models if name in model.names), None)


@cache
def shipped() -> Table:
    """The table of this release."""
    return Table.model_validate_json(resources.files("cascade.prices").joinpath("table.json").read_bytes())
