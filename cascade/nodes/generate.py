"""generate: one call to a tier's model. Whatever becomes of it, it is reserved before, booked after, and traced."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from cascade.budget import Reservation
from cascade.codec import to_json
from cascade.errors import BudgetExhaustedError, ModelError
from cascade.events import AttemptEnded, AttemptStarted, Delta, Emit
from cascade.ledger import Entry, PricedCharge
from cascade.models.base import Completion, Meter, ModelRequest
from cascade.nodes.ending import ending
from cascade.nodes.records import Place, charge_records, failed_event, finished_event, started_event
from cascade.nodes.services import Services
from cascade.nodes.situation import next_prompt, spent
from cascade.nodes.state import State, Update, attempts_of, decision_of, scope_of, task_of
from cascade.policy.base import Decision
from cascade.types import Attempt, Charge, Task, Usage

CANCELLED = "model.cancelled"


async def generate(state: State, services: Services, emit: Emit) -> Update:
    """Make the attempt that was decided. A call that fails is an attempt too, with its error and its cost."""
    task, attempts, decision = task_of(state), attempts_of(state), decision_of(state)
    assert decision.tier is not None, "a policy that goes on names a tier"
    tier = services.tiers[decision.tier]
    prompt = next_prompt(services, task, attempts, tier, decision.history)
    worst = services.forecast.worst(tier.name, (*prompt.messages, *task.tools)) or Decimal(0)
    purse = services.budget.child(services.per_task_usd, name="task", spent=spent(attempts))
    try:
        reservation = purse.reserve(worst)
    except BudgetExhaustedError as error:
        stop = Decision(action="stop", tier=tier.name, reason=f"stop: {error.message}", exhausted=True)
        return ending(state, services, emit, stop)
    place = Place(
        scope=scope_of(state, services.run).child("generate"),
        number=len(attempts) + 1,
        tier=tier,
        tier_attempt=1 + sum(attempt.tier == tier.name for attempt in attempts),
        prompt=prompt,
        content=services.content,
    )
    call = Call(task=task, place=place, reservation=reservation, services=services, emit=emit)
    attempt = await call.make()
    emit(AttemptEnded(task_id=task.id, attempt=attempt))
    done = to_json(attempt)
    return {"attempts": [done], "pending": None} if attempt.error else {"pending": done}


@dataclass(slots=True, kw_only=True)
class Call:
    """One attempt under way: which it is, what is reserved for it, where it is written down."""

    task: Task
    place: Place
    reservation: Reservation
    services: Services
    emit: Emit
    meter: Meter = field(default_factory=Meter)
    clock: float = 0.0

    async def make(self) -> Attempt:
        """Send the request and book what it cost, answered, failed or cancelled."""
        self.services.sink.emit(started_event(self.place, self.reservation.amount))
        self.emit(AttemptStarted(task_id=self.task.id, number=self.place.number, tier=self.place.tier.name))
        self.clock = time.perf_counter()
        try:
            completion = await self.place.tier.model.generate(self.request, observe=Watch(self))
        except ModelError as error:
            return self._failed(error)
        except asyncio.CancelledError:
            self._failed(ModelError("the call was cancelled", code=CANCELLED))
            raise
        except BaseException as error:
            # A fault in a model plug-in: booked like any failed call, then shown as what it is.
            self._failed(ModelError(f"{type(error).__name__}: {error}", code="model.fault"))
            raise
        return self._answered(completion)

    @property
    def request(self) -> ModelRequest:
        """The call as the model gets it."""
        return ModelRequest(
            messages=self.place.prompt.messages,
            task_id=self.task.id,
            tier=self.place.tier.name,
            tier_attempt=self.place.tier_attempt,
            after=self.place.prompt.after,
            history=self.place.prompt.history,
            tools=self.task.tools,
            extra=self.task.parameters,
            deadline_s=self.place.tier.deadline_s,
            meter=self.meter,
        )

    def _answered(self, completion: Completion) -> Attempt:
        charges = self.meter.charges or [
            Charge(
                endpoint=completion.endpoint,
                model=self.place.tier.model_name,
                usage=completion.usage,
                at=datetime.now(UTC),
                answered_by=completion.model,
            )
        ]
        entry = self._book(charges, error=None)
        self.services.forecast.observe(self.place.tier.name, completion.usage)
        attempt = self._attempt(
            entry,
            answered_by=completion.model,
            endpoint=completion.endpoint,
            output=completion.text,
            reasoning=completion.reasoning,
            tool_calls=completion.tool_calls,
            latency_s=completion.latency_s or entry.latency_s,
            first_token_s=completion.first_token_s,
            finish_reason=completion.finish_reason,
            tries=completion.tries,
        )
        self.services.sink.emit(finished_event(self.place, attempt, charge_records(entry)))
        return attempt

    def _failed(self, error: ModelError) -> Attempt:
        entry = self._book(self.meter.charges or list(error.charges), error=error.code)
        attempt = self._attempt(
            entry,
            endpoint=self.place.tier.endpoint,
            latency_s=entry.latency_s,
            tries=error.tries,
            error=error.code,
            error_message=str(error),
        )
        self.services.sink.emit(failed_event(self.place, attempt, error, charge_records(entry)))
        return attempt

    def _book(self, charges: list[Charge], error: str | None) -> Entry:
        """Price the charges, settle the reservation, write the ledger."""
        worst = self.reservation.amount
        priced = tuple(self._priced(charge, worst) for charge in charges)
        entry = Entry(
            task_id=self.task.id,
            tier=self.place.tier.name,
            attempt=self.place.number,
            charges=priced,
            latency_s=time.perf_counter() - self.clock,
            error=error,
        )
        self.services.ledger.book(entry)
        self.reservation.settle((entry.cost_usd or Decimal(0)) + entry.unknown_usd)
        return entry

    def _priced(self, charge: Charge, worst: Decimal) -> PricedCharge:
        return self.services.pricer.priced(charge, worst_usd=worst, otherwise=self.place.tier.endpoint)

    def _attempt(self, entry: Entry, **more: object) -> Attempt:
        known = {
            "number": self.place.number,
            "tier": self.place.tier.name,
            "tier_attempt": self.place.tier_attempt,
            "after": self.place.prompt.after,
            "history": self.place.prompt.history,
            "model": self.place.tier.model_name,
            "usage": entry.usage if entry.charges else Usage(),
            "cost_usd": entry.cost_usd,
            "unknown_usd": entry.unknown_usd,
        }
        return Attempt(**known, **more)  # type: ignore[arg-type]


class Watch:
    """Hands the answer on, piece by piece, as it streams."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._restarted = False

    def __call__(self, delta: str) -> bool:
        """Emit a piece; never ends the generation."""
        call = self._call
        call.emit(
            Delta(
                task_id=call.task.id,
                number=call.place.number,
                tier=call.place.tier.name,
                text=delta,
                restarted=self._restarted,
            )
        )
        self._restarted = False
        return False

    def restart(self) -> None:
        """The stream broke and is tried again: what came before is void."""
        self._restarted = True
