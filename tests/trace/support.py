"""Events of a small run, written the way the machine writes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

from cascade.trace import (
    AttemptFinished,
    AttemptStarted,
    ChargeRecord,
    Content,
    Event,
    PriceRecord,
    RunFinished,
    RunStarted,
    Scope,
    TaskFinished,
    TaskStarted,
    UsageRecord,
    ValidationFinished,
)

PRICE = PriceRecord(
    input=Decimal("0.15"),
    cached_input=Decimal("0.003"),
    output=Decimal("0.60"),
    source="https://api-docs.deepseek.com/quick_start/pricing",
    as_of="2026-09",
    version="1",
)
USAGE = UsageRecord(input=1000, cached_input=600, output=200)
COST = (400 * PRICE.input + 600 * PRICE.cached_input + 200 * PRICE.output) / 1_000_000


def charge(**more: object) -> ChargeRecord:
    known: dict[str, object] = {
        "endpoint": "flash@local",
        "model": "deepseek-flash",
        "at": datetime(2026, 11, 21, 2, tzinfo=UTC),
        "usage": USAGE,
        "cost_usd": COST,
        "price": PRICE,
        "latency_s": 1.5,
        **more,
    }
    return ChargeRecord.model_validate(known)


def started(scope: Scope, attempt: int = 1, **more: object) -> AttemptStarted:
    known: dict[str, object] = {
        "attempt": attempt,
        "tier": "flash",
        "tier_attempt": attempt,
        "model": "deepseek-flash",
    }
    known |= {"reserved_usd": Decimal("0.01"), "endpoint": "flash@local", **more}
    return AttemptStarted.model_validate({**scope.fields(), **known})


def finished(scope: Scope, attempt: int = 1, *charges: ChargeRecord, text: str = "answer") -> AttemptFinished:
    made = charges or (charge(),)
    costs = [each.cost_usd or Decimal(0) for each in made]
    return AttemptFinished(
        **scope.fields(),
        attempt=attempt,
        tier="flash",
        tier_attempt=attempt,
        model="deepseek-flash",
        endpoint="flash@local",
        usage=UsageRecord(
            input=sum(each.usage.input for each in made),
            cached_input=sum(each.usage.cached_input for each in made),
            output=sum(each.usage.output for each in made),
        ),
        cost_usd=sum(costs, Decimal(0)),
        first_token_s=0.25,
        latency_s=1.5,
        finish_reason="stop",
        output=Content(chars=len(text), text=text),
        charges=made,
    )


def task(run: Scope, name: str, *, attempts: int = 1) -> Iterator[Event]:
    """A task's events in order."""
    scope = run.of_task(name)
    yield TaskStarted(**scope.fields(), prompt=Content(chars=3, text="add"))
    for number in range(1, attempts + 1):
        span = scope.child("generate")
        messages = [{"role": "user", "content": f"{name} {number}"}]
        yield started(span, number, messages=messages)
        yield finished(span, number, text=f"{name} {number}")
        verdict = "passed" if number == attempts else "failed"
        yield ValidationFinished.model_validate(
            {**scope.child("validate").fields(), "attempt": number, "verdict": verdict}
        )
    yield TaskFinished(
        **scope.fields(), status="accepted", tier="flash", attempts=attempts, cost_usd=COST * attempts
    )


def run_of(*names: str, end: bool = True, attempts: int = 1) -> list[Event]:
    """A run's events."""
    run = Scope.of_run()
    events: list[Event] = [RunStarted(**run.fields(), config={"tiers": {"flash": {}}})]
    for name in names:
        events += task(run, name, attempts=attempts)
    if end:
        total = len(names) * attempts
        events.append(RunFinished(**run.fields(), tasks=len(names), attempts=total, cost_usd=COST * total))
    return events
