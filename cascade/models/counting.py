"""What an answer took: as the endpoint reported it, or an estimate that earlier reports correct."""

from __future__ import annotations

from dataclasses import replace

from cascade.models.assembly import Assembly
from cascade.models.tokens import Calibration, CountTokens
from cascade.types import Billing, Usage


class UsageCounter:
    """One endpoint's. Learns from its reports how far the estimates are off."""

    def __init__(self, count: CountTokens, *, reasoning_outside: bool = False) -> None:
        self._count = count
        self._reasoning_outside = reasoning_outside
        self._input_scale = Calibration()
        self._output_scale = Calibration()

    def billed(self, got: Assembly, estimated_input: int) -> tuple[Billing, Usage]:
        """How the usage is known, and the usage. A report is believed; a count of 0 is none, and is estimated."""
        reported = got.usage.read(reasoning_outside=self._reasoning_outside)
        output = self._count(got.received) if got.received else 0
        if reported is not None and reported.input and (reported.output or not output):
            self._input_scale.learn(estimated_input, reported.input)
            self._output_scale.learn(output, reported.output)
            return "reported", reported
        reasoning = self._count(got.reasoning) if got.reasoning else 0
        guessed = Usage(
            input=self._input_scale.corrected(estimated_input),
            output=self._output_scale.corrected(max(output, reasoning)),
            reasoning=self._output_scale.corrected(reasoning),
            estimated=True,
        )
        return "estimated", guessed if reported is None else _filled(reported, guessed)


def _filled(reported: Usage, guessed: Usage) -> Usage:
    """What was reported, and the guess where a count is missing or 0: an answer cannot have taken no tokens."""
    known = reported
    if not known.input:
        known = replace(known, input=guessed.input, cached_input=0, cache_write_tokens=0)
    if not known.output:
        known = replace(known, output=guessed.output, reasoning=guessed.reasoning)
    return replace(known, estimated=True)
