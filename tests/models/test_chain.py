"""One layer retries: waits as asked, falls back, leaves a broken endpoint alone, stops at the deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from cascade.budget import Budget
from cascade.errors import ModelError
from cascade.models.base import Completion, Meter, Model, ModelRequest, Observer
from cascade.models.chain import EndpointChain
from cascade.models.fallback import FallbackModel
from cascade.models.scripted import ScriptedModel
from cascade.models.spec import EndpointSpec, RetryPolicy
from cascade.types import Charge, Usage
from tests.models.support import FastClock, request

Answer = str | ModelError
USAGE = Usage(input=10, output=5)


def error(code: str, *, retryable: bool = True, retry_after: float | None = None) -> ModelError:
    failed = ModelError(code, hint="h", code=code, retryable=retryable)
    failed.retry_after_s = retry_after
    return failed


@dataclass
class Place:
    """An endpoint that answers by a script; the last answer is repeated."""

    spec: EndpointSpec
    answers: Sequence[Answer]
    asked: int = 0
    running: int = 0
    most_at_once: int = 0
    limits: list[float] = field(default_factory=list)

    async def call(self, asked: ModelRequest, observe: Observer | None, *, limit_s: float) -> Completion:
        self.limits.append(limit_s)
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        failed = answer if isinstance(answer, ModelError) else None
        charge = Charge(
            endpoint=self.spec.name,
            model=self.spec.model,
            usage=USAGE,
            at=datetime.now(UTC),
            error=failed.code if failed else None,
        )
        asked.book(charge)
        if isinstance(answer, ModelError):
            answer = error(answer.code, retryable=answer.retryable, retry_after=answer.retry_after_s)
            answer.charges = (charge,)
            raise answer
        return Completion(text=answer, usage=USAGE, model="m", endpoint=self.spec.name, charges=(charge,))

    async def aclose(self) -> None:
        pass


def place(name: str, *answers: Answer, **more: Any) -> Place:
    return Place(EndpointSpec(name=name, model="m", base_url="http://x", **more), answers or ("ok",))


def chain(*places: Place, fast: FastClock | None = None, **policy: Any) -> EndpointChain:
    known = {"max_tries": 3, "first_wait": 1.0, "max_wait": 8.0, "deadline": 100.0, **policy}
    return EndpointChain(
        places, retry=RetryPolicy(**known), clock=(fast or FastClock()).clock, jitter=lambda: 1.0
    )


async def fails(model: Model, asked: ModelRequest | None = None) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await model.generate(asked or request())
    return caught.value


async def test_waits_grow_and_every_try_is_billed() -> None:
    fast = FastClock()
    first = place("a", error("model.server"), error("model.server"), "ok")
    asked = request()
    completion = await chain(first, fast=fast).generate(asked)
    assert [round(wait, 1) for wait in fast.slept] == [1.0, 2.0]
    assert (completion.tries, completion.usage) == (3, USAGE + USAGE + USAGE)
    assert asked.meter is not None
    assert tuple(asked.meter.charges) == completion.charges


async def test_tries_end_and_the_last_failure_has_all_charges() -> None:
    failed = await fails(chain(place("a", error("model.server"))))
    assert (failed.code, failed.tries, len(failed.charges)) == ("model.server", 3, 3)
    assert failed.usage == USAGE + USAGE + USAGE


@pytest.mark.parametrize("code", ["model.auth", "model.balance", "model.forbidden", "model.not_found"])
async def test_what_is_the_endpoints_own_fault_is_asked_elsewhere_once_and_at_once(code: str) -> None:
    fast = FastClock()
    broken, other = place("a", error(code, retryable=False)), place("b", "from b")
    completion = await chain(broken, other, fast=fast).generate(request())
    assert (completion.text, completion.endpoint, broken.asked, fast.slept) == ("from b", "b", 1, [])


@pytest.mark.parametrize("code", ["model.request", "model.refused"])
async def test_what_is_the_requests_fault_is_asked_nowhere_else(code: str) -> None:
    other = place("b")
    failed = await fails(chain(place("a", error(code, retryable=False)), other))
    assert (failed.code, other.asked) == (code, 0)


async def test_a_fallback_that_is_ready_is_asked_before_waiting_for_the_first() -> None:
    fast = FastClock()
    first, second = place("a", error("model.rate_limited", retry_after=60.0), "late"), place("b", "soon")
    model = chain(first, second, fast=fast)
    assert (await model.generate(request())).text == "soon"
    assert fast.slept == []
    assert (await model.generate(request())).text == "soon", "the pause holds for the next call too"
    assert first.asked == 1


async def test_with_no_fallback_retry_after_is_waited_for_whatever_its_size() -> None:
    fast = FastClock()
    first = place("a", error("model.rate_limited", retry_after=90.0), "ok")
    await chain(first, fast=fast).generate(request())
    assert sum(fast.slept) == pytest.approx(90, abs=0.1)


async def test_no_request_starts_after_the_deadline_and_its_limit_is_what_is_left() -> None:
    fast = FastClock()
    first = place("a", error("model.server"), timeout=1000.0)
    failed = await fails(chain(first, fast=fast, max_tries=50), request(deadline_s=10.0))
    assert failed.code == "model.server"
    assert sum(fast.slept) < 10
    assert first.limits[0] == pytest.approx(10, abs=0.5)
    assert first.limits == sorted(first.limits, reverse=True)


async def test_a_breaker_opens_and_lets_one_call_through_after_its_pause() -> None:
    fast = FastClock()
    first = place("a", *[error("model.unreachable")] * 4, "ok")
    model = chain(first, fast=fast, max_tries=1, failures_to_open=4, cool_down=30.0)
    for _ in range(4):
        await fails(model)
    opened = model.gates["a"].breaker.state
    asked = first.asked
    assert (await model.generate(request())).text == "ok"
    assert (first.asked, round(sum(fast.slept))) == (asked + 1, 30)
    assert (opened, model.gates["a"].breaker.state) == ("open", "closed")


async def test_with_a_breaker_open_the_fallback_is_asked_without_delay() -> None:
    fast = FastClock()
    first, second = place("a", error("model.server")), place("b")
    model = chain(first, second, fast=fast, failures_to_open=1)
    for _ in range(5):
        assert (await model.generate(request())).endpoint == "b"
    assert (first.asked, fast.slept) == (1, [])


async def test_while_one_call_probes_others_are_told_that_it_is_open() -> None:
    first = place("a", error("model.server"))
    model = chain(first, max_tries=1, failures_to_open=1, cool_down=5.0)
    await fails(model)
    failures = await asyncio.gather(*(fails(model) for _ in range(10)))
    assert {failed.code for failed in failures} <= {"model.server", "model.breaker_open"}
    assert first.asked < 10


async def test_no_more_calls_at_once_than_the_endpoint_takes() -> None:
    first = place("a", max_concurrency=3)
    model = chain(first)
    await asyncio.gather(*(model.generate(request()) for _ in range(20)))
    assert (first.most_at_once, first.asked) == (3, 20)


async def test_a_cancelled_call_in_the_queue_leaves_its_place() -> None:
    first = place("a", max_concurrency=1)
    model = chain(first)
    tasks = [asyncio.create_task(model.generate(request())) for _ in range(6)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(end, Completion) for end in ended) == 5
    assert (await model.generate(request())).text == "ok"


async def test_requests_are_spread_by_the_rate() -> None:
    fast = FastClock()
    model = chain(place("a", requests_per_minute=60.0), fast=fast)
    for _ in range(4):
        await model.generate(request())
    assert sum(fast.slept) == pytest.approx(3, abs=0.2)


async def test_a_fallback_that_the_request_does_not_fit_is_passed_over() -> None:
    small, large = place("small", context_tokens=50), place("large", "from large", context_tokens=10**6)
    model = chain(place("a", error("model.balance", retryable=False)), small, large)
    assert (await model.generate(request("word " * 400))).text == "from large"
    assert small.asked == 0


async def test_before_another_request_the_caller_is_asked_and_may_refuse_the_money() -> None:
    budget = Budget(Decimal("0.25"))
    reservation = budget.reserve(Decimal("0.1"))
    told: list[str | None] = []

    def again(charge: Charge) -> None:
        reservation.extend(Decimal("0.1"))
        told.append(charge.error)

    first = place("a", error("model.interrupted"))
    failed = await fails(chain(first, max_tries=9), request(before_retry=again))
    assert (first.asked, told) == (2, ["model.interrupted"])
    assert (failed.code, failed.retryable) == ("model.interrupted", False)
    assert "run budget of 0.25 USD" in failed.hint


class Watcher:
    """Counts restarts."""

    def __init__(self) -> None:
        self.restarts = 0

    def __call__(self, delta: str) -> bool:
        return False

    def restart(self) -> None:
        self.restarts += 1


async def test_an_observer_hears_that_the_stream_begins_again() -> None:
    watcher = Watcher()
    await chain(place("a", error("model.interrupted"), "ok")).generate(request(), observe=watcher)
    assert watcher.restarts == 1


async def test_a_fallback_model_asks_models_of_any_kind_in_order() -> None:
    down = ScriptedModel([error("model.unreachable")])
    up = ScriptedModel(["from the second"], endpoint="second")
    asked = request()
    completion = await FallbackModel([down, up]).generate(asked)
    assert (completion.text, completion.endpoint, completion.tries) == ("from the second", "second", 2)


async def test_neighbouring_chains_become_one() -> None:
    fast = FastClock()
    first, second = place("a", error("model.rate_limited", retry_after=60.0)), place("b", "from b")
    model = FallbackModel([chain(first, fast=fast), chain(second, fast=fast)])
    assert len(model.models) == 1
    assert (await model.generate(request())).text == "from b"
    assert fast.slept == []


async def test_a_fallback_model_stops_where_the_request_is_to_blame() -> None:
    up = ScriptedModel(["never"])
    failed = await fails(FallbackModel([ScriptedModel([error("model.refused", retryable=False)]), up]))
    assert (failed.code, up.requests) == ("model.refused", [])


def test_two_endpoints_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        chain(place("a"), place("a"))


def test_a_meter_sums_what_it_is_told() -> None:
    meter = Meter()
    asked = replace(request(), meter=meter)
    for _ in range(2):
        asked.book(Charge(endpoint="a", model="m", usage=USAGE, at=datetime.now(UTC)))
    assert meter.usage == USAGE + USAGE
