"""A tier's models in order: when one cannot answer for a reason that is its own, the next one is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cascade.errors import BudgetExhaustedError, ModelError
from cascade.models.base import Completion, Meter, Model, ModelRequest, Observer
from cascade.models.chain import EndpointChain
from cascade.models.failures import ELSEWHERE
from cascade.types import Charge, Usage


class FallbackModel:
    """Asks `models` in order. Neighbouring endpoint chains become one chain, which knows who is ready first.

    What the request itself is to blame for (malformed, refused content) is not tried elsewhere.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        if not models:
            raise ValueError("a fallback needs a model")
        self.models = tuple(_merged(models))

    async def generate(self, request: ModelRequest, *, observe: Observer | None = None) -> Completion:
        """The first answer. Raises the last `ModelError`, with the charges and tries of all."""
        meter = request.meter or Meter()
        request = replace(request, meter=meter)
        known = len(meter.charges)
        tries = 0
        failed: ModelError | None = None
        for model in self.models:
            made = meter.charges[known:]
            if made and not _affordable(request, made[-1], failed):
                break
            try:
                completion = await model.generate(request, observe=observe)
            except ModelError as error:
                failed = error
                tries += error.tries
                if error.code not in ELSEWHERE and not error.retryable:
                    break
                _restart(observe)
            else:
                return _whole(completion, tuple(meter.charges[known:]), tries)
        assert failed is not None
        failed.tries = tries
        failed.charges = tuple(meter.charges[known:]) or failed.charges
        raise failed

    async def aclose(self) -> None:
        """Release all of them."""
        for model in self.models:
            await model.aclose()


def _affordable(request: ModelRequest, last: Charge, failed: ModelError | None) -> bool:
    if request.before_retry is None:
        return True
    try:
        request.before_retry(last)
    except BudgetExhaustedError as error:
        if failed is not None:
            failed.hint = f"it was not tried elsewhere: {error.message}"
        return False
    return True


def _whole(completion: Completion, charges: tuple[Charge, ...], tries: int) -> Completion:
    if not charges:
        return replace(completion, tries=tries + completion.tries)
    usage = sum((charge.usage for charge in charges), Usage())
    return replace(completion, charges=charges, usage=usage, tries=tries + completion.tries)


def _restart(observe: Observer | None) -> None:
    restart = getattr(observe, "restart", None)
    if restart is not None:
        restart()


def _merged(models: Sequence[Model]) -> list[Model]:
    merged: list[Model] = []
    for model in models:
        last = merged[-1] if merged else None
        if isinstance(model, EndpointChain) and isinstance(last, EndpointChain):
            merged[-1] = EndpointChain(
                [*last.endpoints, *model.endpoints], retry=last.retry, clock=last.clock
            )
        else:
            merged.append(model)
    return merged
