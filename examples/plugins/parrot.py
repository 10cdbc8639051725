"""A model: gives back what it is asked. `tiers: {echo: {provider: parrot, model: parrot-1, price: {...}}}`

The entry point names a function of the tier's config. What was billed goes to `request.book` as soon as a request
has ended, however it ended; what went wrong is a `ModelError` with a stable code.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from cascade.config import EndpointConfig
from cascade.errors import ModelError
from cascade.models.base import Completion, ModelRequest, Observer
from cascade.types import Charge, Usage


class Parrot:
    """Counts a token a word."""

    def __init__(self, config: EndpointConfig) -> None:
        self._model = config.model

    async def generate(self, request: ModelRequest, *, observe: Observer | None = None) -> Completion:
        """Answer, piece by piece if somebody looks on."""
        clock = time.perf_counter()
        heard = str(request.messages[-1].get("content", ""))
        if not heard.strip():
            raise ModelError("there is nothing to repeat", code="model.request", hint="say something")
        said: list[str] = []
        for word in heard.split(" "):
            said.append(word)
            if observe is not None and observe(f"{word} "):
                break
        usage = Usage(input=len(heard.split()), output=len(said))
        charge = Charge(endpoint=self._model, model=self._model, usage=usage, at=datetime.now(UTC))
        request.book(charge)
        return Completion(
            text=" ".join(said),
            usage=usage,
            model=self._model,
            endpoint=self._model,
            latency_s=time.perf_counter() - clock,
            charges=(charge,),
        )

    async def aclose(self) -> None:
        """Nothing is open."""
