"""What the next call would cost: input from the messages themselves, output from what a tier wrote so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cascade.context import Context
from cascade.models.media import media_tokens, text_of
from cascade.models.tokens import most_input, plain_text
from cascade.prices import Price
from cascade.tokens import InputBound
from cascade.trace.contexts import without_text
from cascade.types import Attempt, JsonObject, Usage

# Characters a token in English text and code: a middle for estimates.
CHARS_PER_TOKEN = 3.6
MESSAGE_OVERHEAD = 8
# Before a tier has answered, its output is taken for this many tokens, with the weight of so many answers.
PRIOR_OUTPUT = 400.0
PRIOR_WEIGHT = 5.0

PriceNow = Callable[[], Price | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TierCost:
    """How a tier's calls are priced: the price in force now (None: unknown), the most it may write in tokens.

    `fallback_prices` are those of its other endpoints, which have to be known before the first call too.
    """

    price: PriceNow
    max_output_tokens: int
    fallback_prices: tuple[PriceNow, ...] = ()
    models: tuple[str, ...] = ()
    """The models of its endpoints: their rules say what a picture may cost."""


class Forecast:
    """Expected and worst cost of a call by tier. Learns the mean output length of each tier as it goes.

    typical: tokens of an answer by tier, as far as a log told them before.
    """

    def __init__(self, tiers: Mapping[str, TierCost], typical: Mapping[str, float] | None = None) -> None:
        told = typical or {}
        self._tiers = dict(tiers)
        self._answers: dict[str, float] = dict.fromkeys(tiers, PRIOR_WEIGHT)
        self._tokens = {tier: told.get(tier, PRIOR_OUTPUT) * PRIOR_WEIGHT for tier in tiers}

    def most_input(
        self, tier: str, rows: Sequence[JsonObject], *, context: Context | None = None
    ) -> InputBound:
        """Input tokens of a request at most, before any report. The user's first message begins with `context`."""
        models = self._tiers[tier].models
        if context is None:
            return InputBound(own=most_input(rows, models))
        own = most_input(without_text(rows, context.text), models)
        return InputBound(own=own, context=context.most_tokens, context_sha256=context.sha256)

    def observe(self, tier: str, usage: Usage) -> None:
        """Take an answer's length into account."""
        self._answers[tier] += 1
        self._tokens[tier] += usage.output

    def price(self, tier: str) -> Price | None:
        """The price in force at a tier now; None where it is declared unknown."""
        return self._tiers[tier].price()

    def expected(
        self,
        tier: str,
        messages: Sequence[JsonObject],
        attempts: Sequence[Attempt] = (),
        *,
        cached: int = 0,
    ) -> float | None:
        """Expected USD of sending `messages` (and tool definitions) to `tier`; None if its price is unknown.

        What the tier's cache holds of the request (it was sent to the same tier before, as a prefix) is
        counted at the cached price; a change of tier loses it. `cached`: tokens that others have sent there before.
        """
        known = self._tiers[tier]
        price = known.price()
        if price is None:
            return None
        tokens = estimated_tokens(messages)
        output = min(self._tokens[tier] / self._answers[tier], known.max_output_tokens)
        held = max(_cached(tier, tokens, attempts), min(cached, tokens))
        usage = Usage(input=tokens, cached_input=held, output=round(output))
        return float(price.cost(usage))


def estimated_tokens(messages: Sequence[JsonObject]) -> int:
    """Tokens of a request, estimated from its characters."""
    texts = (plain_text(text_of(row)) for row in messages)
    said = sum(round(len(text) / CHARS_PER_TOKEN) + MESSAGE_OVERHEAD for text in texts)
    return said + media_tokens(messages).expected


def _cached(tier: str, tokens: int, attempts: Sequence[Attempt]) -> int:
    """Tokens of the request that the tier has seen before, as far as its own last request tells."""
    same = [attempt for attempt in attempts if attempt.tier == tier and attempt.error is None]
    return min(same[-1].usage.input, tokens) if same else 0
