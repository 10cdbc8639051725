"""What the tests of models share: a clock that does not wait, a request, an endpoint at a scripted server."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from cascade.models.base import Meter, ModelRequest
from cascade.models.gate import Clock
from cascade.models.spec import EndpointSpec, RetryPolicy, Secret
from cascade.testing import ScriptedServer

KEY = "sk-planted-0123456789abcdef"
ANSWER = "Here it is:\n```python\ndef add(a, b):\n    return a + b\n```\nThat is all."
RETRY = RetryPolicy(max_tries=3, first_wait=0.5, max_wait=4.0, deadline=60.0)


class FastClock:
    """Sleeping passes at once, and is remembered."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> float:
        return time.monotonic() + sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.slept.append(seconds)
        await asyncio.sleep(0)

    @property
    def clock(self) -> Clock:
        return Clock(now=self.now, sleep=self.sleep)


def request(text: str = "write add", **more: Any) -> ModelRequest:
    more.setdefault("meter", Meter())
    return ModelRequest(messages=({"role": "user", "content": text},), task_id="t", tier="flash", **more)


def spec(server: ScriptedServer, **more: Any) -> EndpointSpec:
    known: dict[str, Any] = {
        "name": "flash",
        "model": "m",
        "base_url": server.base_url,
        "api_key": Secret(KEY),
        "timeout": 5.0,
        "idle_timeout": 0.2,
        **more,
    }
    return EndpointSpec(**known)
