"""A price as a dated fact: what a million tokens cost, in which currency, who says so, and since when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal, TypeAlias

from cascade.types import Usage

MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Per 1M tokens, in `currency`. `source` is where it was read, `as_of` when, `version` in which table.

    `cache_write` is for input that is written to the prefix cache (None: as `input`).
    `note` says what a reader must know (an assumed holiday calendar, a promotion and its end). `steps` are
    (input tokens, price): a request with more input than that pays the step's price for all its tokens.
    """

    input: Decimal
    cached_input: Decimal
    output: Decimal
    currency: str = "USD"
    source: str
    as_of: str
    version: str
    note: str = ""
    steps: tuple[tuple[int, Price], ...] = ()
    cache_write: Decimal | None = None

    def for_input(self, tokens: int) -> Price:
        """The flat price of a request with so many input tokens."""
        fitting = [price for above, price in self.steps if tokens > above]
        return fitting[-1] if fitting else replace(self, steps=())

    def cost(self, usage: Usage) -> Decimal:
        """What `usage` costs. Reasoning tokens are output tokens; the cache's classes cost their own prices."""
        rate = self.for_input(usage.input) if self.steps else self
        fresh = usage.input - usage.cached_input - usage.cache_write_tokens
        written = rate.input if rate.cache_write is None else rate.cache_write
        total = fresh * rate.input + usage.cached_input * rate.cached_input + usage.output * rate.output
        return (total + usage.cache_write_tokens * written) / MILLION

    def worst_case(self, input_tokens: int, max_output: int) -> Decimal:
        """The most that a call may cost: all input at the dearest of its prices, every output token used."""
        fresh = Usage(input=input_tokens, output=max_output)
        written = Usage(input=input_tokens, cache_write_tokens=input_tokens, output=max_output)
        return max(self.cost(fresh), self.cost(written))


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceOverride:
    """A price declared in the configuration, per 1M tokens in USD. `cached_input`, `cache_write` None: as `input`."""

    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    source: str = "config"

    def price(self, as_of: str) -> Price:
        """As a price in force on `as_of`."""
        cached = self.input if self.cached_input is None else self.cached_input
        return Price(
            input=self.input,
            cached_input=cached,
            output=self.output,
            cache_write=self.cache_write,
            source=self.source,
            as_of=as_of,
            version="config",
        )


Unknown: TypeAlias = Literal["unknown"]
