"""One call to a tier's model. Whatever becomes of it, it is reserved before, booked after, and traced."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

from cascade.budget import PATIENCE_S, Budget, Reservation
from cascade.errors import BudgetExhaustedError, ModelError
from cascade.events import AttemptStarted, Delta, Emit, ThoughtDelta
from cascade.ledger import Entry, PricedCharge, Tariff
from cascade.models.base import Completion, Meter, ModelRequest
from cascade.nodes.context import context_of
from cascade.nodes.early import watcher
from cascade.nodes.records import (
    Place,
    charge_records,
    failed_event,
    finished_event,
    retried_event,
    started_event,
)
from cascade.nodes.services import Services, Tier
from cascade.nodes.situation import next_prompt, spent
from cascade.nodes.state import State, attempts_of, decision_of, scope_of, task_of
from cascade.nodes.step import Here
from cascade.notices import Notice
from cascade.surrogates import well_formed
from cascade.tokens import InputBound
from cascade.types import Attempt, Charge, Task, Usage

CANCELLED = "model.cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Which attempt is to be made, and what its node demands of it; None: as the tier has it.

    `patience_s`: how long to wait for money that others may give back. `shadow`: made after the task's end.
    """

    tier: str
    number: int
    max_output_tokens: int | None = None
    timeout_s: float | None = None
    max_usd: Decimal | None = None
    tariff: Tariff | None = None
    patience_s: float = PATIENCE_S
    shadow: bool = False


async def prepare(state: State, services: Services, emit: Emit, *, here: Here, terms: Terms) -> Call:
    """The attempt, its worst case reserved: waits while others may give money back.

    Raises BudgetExhaustedError if it does not fit.
    """
    task, attempts, decision = task_of(state), attempts_of(state), decision_of(state)
    rung = _in_time(_on_terms(services.tiers[terms.tier], terms), services.per_task_s, state["started"])
    history = decision.history if decision is not None and decision.tier == terms.tier else None
    prompt = next_prompt(services, task, attempts, rung, history, context=context_of(state, services))
    purse = services.budget.child(services.per_task_usd, name="task", spent=spent(attempts))
    if terms.max_usd is not None:
        there = spent(tuple(attempt for attempt in attempts if attempt.node == here.name))
        purse = purse.child(terms.max_usd, name=here.name, spent=there)
    place = Place(
        scope=scope_of(state, services.run).child(here.name),
        node=here.name,
        number=terms.number,
        tier=rung,
        tier_attempt=1 + sum(attempt.tier == terms.tier for attempt in attempts),
        prompt=prompt,
        content=services.content,
        tariff=terms.tariff,
        shadow=terms.shadow,
    )
    place, worst = reserved(services, place, task)
    first = await purse.acquire(worst, patience_s=terms.patience_s)
    return Call(task=task, place=place, purse=purse, reservations=[first], services=services, emit=emit)


def _on_terms(tier: Tier, terms: Terms) -> Tier:
    most = tier.max_output_tokens
    if terms.max_output_tokens is not None:
        most = min(most, terms.max_output_tokens)
    return replace(tier, max_output_tokens=most, deadline_s=terms.timeout_s or tier.deadline_s)


def _in_time(tier: Tier, per_task_s: float | None, started: float) -> Tier:
    """The tier, its deadline no later than the task's. Raises BudgetExhaustedError if the task's has passed."""
    if per_task_s is None:
        return tier
    left = per_task_s - (time.time() - started)
    if left <= 0:
        raise BudgetExhaustedError(
            f"the task's {per_task_s:g} seconds are over", hint="raise budget.per_task_s", code="budget.time"
        )
    return replace(tier, deadline_s=min(left, tier.deadline_s or left))


def reserved(services: Services, place: Place, task: Task) -> tuple[Place, Decimal]:
    """The attempt with the bound of its input, and what one request of it may cost at most."""
    # The parameters may hold the schema of an answer.
    rows = (*place.prompt.messages, *task.tools, *((task.parameters,) if task.parameters else ()))
    bound = services.forecast.most_input(place.tier.name, rows, context=place.prompt.context)
    place = replace(place, bound=bound)
    return place, _worst(services, place, bound)


def _worst(services: Services, place: Place, bound: InputBound) -> Decimal:
    """What one request of the attempt may cost at most, at any endpoint; nothing where a price is unknown."""
    tier, now = place.tier, datetime.now(UTC)
    endpoints = tier.endpoints or (tier.endpoint,)
    most = services.token_reports.most(endpoints, bound)
    usage = Usage(input=most, output=tier.max_output_tokens)
    if place.tariff is not None:
        charge = Charge(endpoint=tier.endpoint, model=tier.model_name, usage=usage, at=now)
        return services.pricer.priced(charge, tariff=place.tariff).cost_usd or Decimal(0)
    worst = services.pricer.worst_case(endpoints, usage, at=now, within_s=tier.deadline_s or 0.0)
    return worst or Decimal(0)


@dataclass(slots=True, kw_only=True)
class Call:
    """One attempt under way: which it is, what is reserved for it, where it is written down.

    `cancelled` is what became of it, once it was cancelled.
    """

    task: Task
    place: Place
    purse: Budget
    reservations: list[Reservation]
    services: Services
    emit: Emit
    settled: Decimal = Decimal(0)
    meter: Meter = field(default_factory=Meter)
    notices: list[Notice] = field(default_factory=list)
    clock: float = 0.0
    cancelled: Attempt | None = None

    def release(self) -> None:
        """It is not made: give back what was set aside for it."""
        for reservation in self.reservations:
            reservation.release()

    async def make(self) -> Attempt:
        """Send the request and book what it cost, answered, failed or cancelled."""
        self.services.sink.emit(started_event(self.place, self.reservations[0].amount))
        begun = AttemptStarted(
            task_id=self.task.id,
            number=self.place.number,
            tier=self.place.tier.name,
            messages=self.place.prompt.messages,
        )
        self.emit(begun)
        self.clock = time.perf_counter()
        for notice in self.place.tier.notices:
            self._note(notice)
        try:
            completion = await self.place.tier.model.generate(self.request, observe=Watch(self))
        except ModelError as error:
            return self._failed(error)
        except asyncio.CancelledError:
            self.cancelled = self._failed(ModelError("the call was cancelled", code=CANCELLED))
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
            extra=self._extra,
            deadline_s=self.place.tier.deadline_s,
            meter=self.meter,
            before_retry=self._before_retry,
            notify=self._note,
        )

    def _note(self, notice: Notice) -> None:
        """Say it at once if it is the first of its kind, and keep it with the attempt."""
        self.services.notices.add(notice)
        self.notices.append(notice)

    def _before_retry(self, charge: Charge) -> None:
        """Settle the request that failed, reserve for the next one, and write that down, before it is sent."""
        failed = self._priced(charge)
        owed = (failed.cost_usd or Decimal(0)) + failed.worst_usd
        self.reservations[-1].settle(owed)
        self.settled += owed
        more = self.purse.reserve(self.reservations[0].amount)
        self.reservations.append(more)
        (record,) = charge_records((failed,))
        self.services.sink.emit(
            retried_event(self.place, record, more.amount, requests=len(self.reservations))
        )

    @property
    def _extra(self) -> dict[str, object]:
        """The conversation's own keys, and the node's bound of the answer's length."""
        most = self.place.tier.max_output_tokens
        if most == self.services.tiers[self.place.tier.name].max_output_tokens:
            return dict(self.task.parameters)
        asked = self.task.parameters.get("max_tokens")
        return {**self.task.parameters, "max_tokens": min(most, asked) if isinstance(asked, int) else most}

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
        if not self.place.warm:
            self.services.forecast.observe(self.place.tier.name, completion.usage)
        attempt = self._attempt(
            entry,
            answered_by=completion.model,
            endpoint=completion.endpoint,
            output=well_formed(completion.text),
            reasoning=None if completion.reasoning is None else well_formed(completion.reasoning),
            tool_calls=completion.tool_calls,
            latency_s=completion.latency_s or entry.latency_s,
            first_token_s=completion.first_token_s,
            finish_reason=completion.finish_reason,
            tries=completion.tries,
        )
        self.services.sink.emit(finished_event(self.place, attempt, charge_records(entry.charges)))
        return attempt

    def _failed(self, error: ModelError) -> Attempt:
        if self.place.warm and error.code == "model.blank":
            # One token may well be a space, or the first of a thought: the context was read all the same.
            return self._answered(
                Completion(
                    text="", usage=Usage(), model="", endpoint=self.place.tier.endpoint, tries=error.tries
                )
            )
        entry = self._book(self.meter.charges or list(error.charges), error=error.code)
        attempt = self._attempt(
            entry,
            endpoint=self.place.tier.endpoint,
            latency_s=entry.latency_s,
            tries=error.tries,
            error=error.code,
            error_message=str(error),
        )
        self.services.sink.emit(failed_event(self.place, attempt, error, charge_records(entry.charges)))
        return attempt

    def _book(self, charges: list[Charge], error: str | None) -> Entry:
        """Price the charges, settle the reservation, write the ledger."""
        self._learn(charges)
        priced = tuple(self._priced(charge) for charge in charges)
        entry = Entry(
            task_id=self.task.id,
            tier=self.place.tier.name,
            node=self.place.node,
            attempt=self.place.number,
            charges=priced,
            latency_s=time.perf_counter() - self.clock,
            error=error,
            shadow=self.place.shadow,
        )
        self.services.ledger.book(entry)
        self.reservations[-1].settle((entry.cost_usd or Decimal(0)) + entry.unknown_usd - self.settled)
        return entry

    def _learn(self, charges: list[Charge]) -> None:
        """What endpoints have counted corrects what is set aside for the next request."""
        for charge in charges:
            if self.place.bound is not None and charge.billing == "reported" and not charge.usage.estimated:
                self.services.token_reports.learn(charge.endpoint, self.place.bound, charge.usage.input)

    def _priced(self, charge: Charge) -> PricedCharge:
        place, worst = self.place, self.reservations[0].amount
        return self.services.pricer.priced(
            charge, worst_usd=worst, otherwise=place.tier.endpoint, tariff=place.tariff
        )

    def _attempt(self, entry: Entry, **more: object) -> Attempt:
        known = {
            "number": self.place.number,
            "tier": self.place.tier.name,
            "node": self.place.node,
            "tier_attempt": self.place.tier_attempt,
            "after": self.place.prompt.after,
            "history": self.place.prompt.history,
            "model": self.place.tier.model_name,
            "usage": entry.usage if entry.charges else Usage(),
            "cost_usd": entry.cost_usd,
            "unknown_usd": entry.unknown_usd,
            "notices": tuple(self.notices),
        }
        return Attempt(**known, **more)  # type: ignore[arg-type]


class Watch:
    """Hands the answer on, piece by piece, as it streams."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._restarted = False
        self._early = watcher(call.task, call.services.early_stop)

    def __call__(self, delta: str) -> bool:
        """Emit a piece; True ends the generation where early stop is on and nothing more is needed of it."""
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
        return self._early is not None and self._early(delta)

    def reasoning(self, delta: str) -> bool:
        """Emit a part of the thoughts, which never ends the generation."""
        place = self._call.place
        self._call.emit(
            ThoughtDelta(task_id=self._call.task.id, number=place.number, tier=place.tier.name, text=delta)
        )
        return False

    def rethink(self, answer: str) -> None:
        """What was emitted as text was a thought; the answer is this."""
        place = self._call.place
        self._call.emit(
            Delta(
                task_id=self._call.task.id,
                number=place.number,
                tier=place.tier.name,
                text=answer,
                restarted=True,
                was_thought=True,
            )
        )

    def restart(self) -> None:
        """The stream broke and is tried again: what came before is void."""
        self._restarted = True
        if self._early is not None:
            self._early.restart()
