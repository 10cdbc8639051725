"""What one request is booked at: the endpoint's report, an estimate, nothing, or an unknown fate."""

from __future__ import annotations

from cascade.errors import ModelError
from cascade.models.counting import UsageCounter
from cascade.models.dialects import REASONING_OUTSIDE
from cascade.models.exchange import Exchange
from cascade.models.remarks import note_billing
from cascade.models.spec import EndpointSpec
from cascade.models.tokens import CountTokens
from cascade.types import Billing, Charge, Usage

GATEWAY = frozenset({408, 502, 504})  # said by what stands between; the backend may have worked, and billed


class Biller:
    """Books the requests of one endpoint."""

    def __init__(self, spec: EndpointSpec, *, count: CountTokens) -> None:
        self._spec = spec
        self._counter = UsageCounter(count, reasoning_outside=spec.speaks in REASONING_OUTSIDE)

    def charge(self, exchange: Exchange, *, code: str | None, failed: ModelError | None) -> Charge:
        """The charge of an exchange, however it ended. code: of its failure, None for an answer."""
        billing, usage = self._billed(exchange, failed)
        note_billing(exchange, billing, usage)
        return Charge(
            endpoint=self._spec.name,
            model=self._spec.model,
            usage=usage,
            at=exchange.at,
            billing=billing,
            error=code,
            latency_s=exchange.elapsed,
            answered_by=exchange.assembly.model,
        )

    def _billed(self, exchange: Exchange, failed: ModelError | None) -> tuple[Billing, Usage]:
        got, body = exchange.assembly, exchange.body
        reported = got.usage.read()
        if exchange.answered and reported is not None and (reported.input or reported.output):
            return self._counter.billed(got, body.estimated_input)
        if not exchange.answered or ((got.chunks == 0 or not got.received) and _refused(failed)):
            return ("none" if failed is not None and _unbilled(failed) else "unknown"), Usage()
        if got.chunks == 0:  # it answered something that could not be read
            return "unknown", Usage()
        return self._counter.billed(got, body.estimated_input)


def _refused(failed: ModelError | None) -> bool:
    """Whether the endpoint said an error with a status, be it within a response of 200."""
    return failed is not None and failed.status is not None


def _unbilled(failed: ModelError) -> bool:
    """Whether it is certain that nothing was billed: refused by the endpoint itself, or never sent."""
    if failed.status is not None:
        return failed.status not in GATEWAY
    return failed.is_unsent
