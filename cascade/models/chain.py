"""A tier's endpoints in order: the one layer that retries, waits, falls back and gives up.

One call of `generate` makes requests, each to the first endpoint that may be asked now, until an answer, a
failure that no endpoint can fix, the tries of all endpoints, or the deadline.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from cascade.errors import BudgetExhaustedError, ModelError
from cascade.forks import ForkAware, follow_forks
from cascade.models.base import Completion, ModelRequest, Observer
from cascade.models.body import fits
from cascade.models.failures import ELSEWHERE, failure
from cascade.models.gate import BREAKING, Clock, Gate
from cascade.models.log import log
from cascade.models.spec import EndpointSpec, RetryPolicy
from cascade.notices import Notice
from cascade.types import Charge, Usage

USEFUL_S = 1.0  # with less time left another request is not worth its money


class Endpoint(Protocol):
    """One place that answers one request."""

    @property
    def spec(self) -> EndpointSpec:
        """How it was declared."""
        ...

    async def call(self, request: ModelRequest, observe: Observer | None, *, limit_s: float) -> Completion:
        """Make one request, within `limit_s` seconds, and book its charge with the request's meter.

        Raises `ModelError` with its one charge.
        """
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...


class EndpointChain(ForkAware):
    """A `Model` made of endpoints: the first is the tier's own, the others are its fallbacks.

    An endpoint that a request does not fit is passed over. Breakers and pauses are shared by all calls of a process.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        retry: RetryPolicy | None = None,
        clock: Clock | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        if not endpoints:
            raise ValueError("a chain needs an endpoint")
        self.retry = retry or RetryPolicy()
        self.clock = clock or Clock()
        self.endpoints = tuple(endpoints)
        self.gates = self._new_gates()
        if len(self.gates) < len(self.endpoints):
            raise ValueError("two endpoints of a tier have the same name")
        self._jitter = jitter
        follow_forks(self)

    def _new_gates(self) -> dict[str, Gate]:
        return {each.spec.name: Gate(each.spec, self.retry, self.clock) for each in self.endpoints}

    def after_fork_in_child(self) -> None:
        """The calls that are under way are the parent's."""
        self.gates = self._new_gates()

    async def generate(self, request: ModelRequest, *, observe: Observer | None = None) -> Completion:
        """The first answer that an endpoint gives.

        Raises the last `ModelError`, with `tries` and the charges of all requests.
        """
        return await _Call(self, request, observe, self._jitter).run()

    async def aclose(self) -> None:
        """Release the connections of all endpoints."""
        for endpoint in self.endpoints:
            await endpoint.aclose()


class _Call:
    """One call's way through the endpoints."""

    def __init__(
        self,
        chain: EndpointChain,
        request: ModelRequest,
        observe: Observer | None,
        jitter: Callable[[], float],
    ) -> None:
        self._chain = chain
        self._policy = chain.retry
        self._clock = chain.clock
        self._request = request
        self._observe = observe
        self._jitter = jitter
        self._deadline = self._clock.now() + min(self._policy.deadline, request.deadline_s or float("inf"))
        self._tries = {endpoint.spec.name: 0 for endpoint in chain.endpoints}
        self._ready_at = dict.fromkeys(self._tries, 0.0)
        self._out: set[str] = {e.spec.name for e in chain.endpoints[1:] if not fits(e.spec, request)}
        self._charges: list[Charge] = []
        self._waited_for_breaker = False
        self._last: ModelError | None = None

    async def run(self) -> Completion:
        failed: ModelError
        try:
            return self._whole(await self._until_answered())
        except ModelError as error:
            failed = error
        except BudgetExhaustedError as error:
            failed = self._unaffordable(error)
        failed.tries = max(1, sum(self._tries.values()))
        failed.charges = tuple(self._charges)
        failed.usage = sum((charge.usage for charge in self._charges), Usage()) if self._charges else None
        raise failed

    async def _until_answered(self) -> Completion:
        while True:
            try:
                return await self._once()
            except ModelError as error:
                wait_s = self._wait() if self._may_go_on(error) else None
                if wait_s is None or self._clock.now() + wait_s + USEFUL_S >= self._deadline:
                    raise
                self._log_retry(wait_s, error)
            await self._clock.sleep(wait_s)

    async def _once(self) -> Completion:
        endpoint = self._choose()
        spec, gate = endpoint.spec, self._chain.gates[endpoint.spec.name]
        await self._admitted(spec, gate)
        code: str | None = "model.cancelled"
        try:
            limit = min(spec.timeout, self._deadline - self._clock.now())
            if limit <= 0:
                raise self._last or self._late(spec)
            if self._charges and self._request.before_retry is not None:
                self._request.before_retry(self._charges[-1])
            self._tries[spec.name] += 1
            completion = await endpoint.call(self._request, self._observe, limit_s=limit)
            code = None
        except ModelError as error:
            code = error.code
            self._learn(spec.name, gate, error)
            raise
        finally:
            gate.leave(code)
        self._charges.extend(completion.charges)
        return completion

    async def _admitted(self, spec: EndpointSpec, gate: Gate) -> None:
        """Pass the gate, waiting for pauses and for a slot; while waiting, things may have changed."""
        while True:
            if gate.breaker.ready_in() > 0:
                raise self._closed(spec, gate)
            await self._pause(spec)
            await gate.enter()
            if gate.ready_in() <= 0:
                gate.breaker.enter()
                return
            gate.step_back()

    async def _pause(self, spec: EndpointSpec) -> None:
        """Wait as long as the endpoint asked all callers to wait; if that is past the deadline, say so at once."""
        left = self._ready_in(spec.name)
        if left <= 0:
            return
        if self._clock.now() + left + USEFUL_S >= self._deadline:
            error = failure(
                spec,
                "model.rate_limited",
                f"asked for a pause that still takes {left:.0f} s, longer than the deadline",
                hint="raise the deadline, lower the concurrency, or add a fallback endpoint",
                retryable=True,
            )
            error.retry_after_s = left
            raise error
        await self._clock.sleep(left)

    def _choose(self) -> Endpoint:
        """The endpoint that may be asked first; of several, the one declared first."""
        usable = [endpoint for endpoint in self._chain.endpoints if self._usable(endpoint.spec.name)]
        return min(usable or self._chain.endpoints[:1], key=lambda each: self._ready_in(each.spec.name))

    def _usable(self, name: str) -> bool:
        return name not in self._out and self._tries[name] < self._policy.max_tries

    def _ready_in(self, name: str) -> float:
        own = self._ready_at[name] - self._clock.now()
        return max(0.0, own, self._chain.gates[name].ready_in())

    def _learn(self, name: str, gate: Gate, error: ModelError) -> None:
        if error is self._last:
            return
        self._charges.extend(error.charges)
        self._last = error
        if error.code in BREAKING:
            gate.cause = error.message
        restart = getattr(self._observe, "restart", None)
        if restart is not None:
            restart()
        if not error.retryable:
            self._out.add(name)
        if error.retry_after_s is not None:
            gate.pause(error.retry_after_s)
        else:
            backoff = min(self._policy.max_wait, self._policy.first_wait * 2 ** (self._tries[name] - 1))
            self._ready_at[name] = self._clock.now() + backoff * (0.5 + 0.5 * self._jitter())

    def _may_go_on(self, error: ModelError) -> bool:
        if error.code == "model.deadline":
            return False
        if error.code == "model.breaker_open":
            again = not self._waited_for_breaker
            self._waited_for_breaker = True
            return again
        fixable = error.retryable or error.code in ELSEWHERE
        return fixable and any(self._usable(name) for name in self._tries)

    def _wait(self) -> float:
        return min((self._ready_in(name) for name in self._tries if self._usable(name)), default=0.0)

    def _log_retry(self, wait_s: float, error: ModelError) -> None:
        if self._last is error:
            hint = f"tried again, up to {self._policy.max_tries} times; {error.hint}"
            subject = self._charges[-1].endpoint if self._charges else self._request.tier
            self._request.warn(Notice(code=error.code, subject=subject, message=error.message, hint=hint))
        log().info(
            "cascade.retry_scheduled",
            task_id=self._request.task_id,
            tier=self._request.tier,
            code=error.code,
            wait_s=round(wait_s, 3),
            tries=sum(self._tries.values()),
        )

    def _unaffordable(self, error: BudgetExhaustedError) -> ModelError:
        assert self._last is not None, "only a retry asks for more money"
        self._last.hint = f"it was not tried again: {error.message}"
        self._last.retryable = False
        return self._last

    def _closed(self, spec: EndpointSpec, gate: Gate) -> ModelError:
        return failure(
            spec,
            "model.breaker_open",
            f"is left alone for {gate.breaker.ready_in():.0f} s more, since it failed "
            f"{self._policy.failures_to_open} times in a row: {gate.cause}",
            hint="fix that, or add a fallback endpoint to the tier",
            retryable=True,
        )

    def _late(self, spec: EndpointSpec) -> ModelError:
        return failure(
            spec,
            "model.deadline",
            "was not asked: the deadline passed while waiting for a turn",
            hint="raise the deadline, or lower the concurrency",
            retryable=False,
        )

    def _whole(self, completion: Completion) -> Completion:
        usage = sum((charge.usage for charge in self._charges), Usage())
        tries = max(1, sum(self._tries.values()))
        return replace(completion, charges=tuple(self._charges), usage=usage, tries=tries)
