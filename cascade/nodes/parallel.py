"""parallel: attempts at several tiers at once; the first that passes is taken, the others are cancelled."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from cascade.codec import to_json
from cascade.config.graph import ParallelNode
from cascade.errors import BudgetExhaustedError
from cascade.events import AttemptEnded, Emit
from cascade.nodes.attempt import Call, Terms, prepare
from cascade.nodes.check import Judgement, checked
from cascade.nodes.generate import out_of_budget
from cascade.nodes.services import Services
from cascade.nodes.state import State, carried_out, next_number, scope_of, task_of
from cascade.nodes.step import Here, Outcome
from cascade.nodes.warming import warmed
from cascade.policy.judge import doubted
from cascade.types import Attempt

RANK = {"passed": 0, "unchecked": 1, "failed": 2}


async def parallel(state: State, services: Services, emit: Emit, here: Here) -> Outcome:
    """Race the tiers. Every attempt is kept, the cancelled ones with what they cost; the best one comes last."""
    races: list[_Race] = []
    for number, tier in enumerate(here.of(ParallelNode).tiers, next_number(state)):
        try:
            # No waiting: a task that holds one reservation must not wait for another.
            at_once = Terms(tier=tier, number=number, patience_s=0.0)
            await warmed(state, services, services.tiers[at_once.tier])
            call = await prepare(state, services, emit, here=here, terms=at_once)
        except BudgetExhaustedError as error:
            if not races:
                return Outcome("exhausted", {"decision": to_json(out_of_budget(tier, error))})
            break
        races.append(_Race(state=state, services=services, emit=emit, here=here, call=call))
    await _first_past(races)
    attempts = sorted(
        (race.attempt for race in races if race.attempt is not None), key=_badness, reverse=True
    )
    best = attempts[-1]
    outcome = best.verdict.status if best.verdict is not None and best.error is None else "failed"
    made = {"attempts": [to_json(attempt) for attempt in attempts], "pending": None}
    return Outcome(outcome, {**made, **carried_out(state)})  # type: ignore[typeddict-item]  # both are updates


async def _first_past(races: list[_Race]) -> None:
    """Run until one has passed, or all have ended; then cancel the rest and wait until they are booked."""
    running = {asyncio.create_task(race.run()): race for race in races}
    waiting = set(running)
    try:
        while waiting and not any(race.passed for race in races):
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for race in races:
            race.settle()


def _badness(attempt: Attempt) -> tuple[int, int]:
    if attempt.error is not None:
        return 4, attempt.number
    if doubted(attempt):
        return 1, attempt.number
    return RANK[attempt.verdict.status] if attempt.verdict else 3, attempt.number


@dataclass(slots=True, kw_only=True)
class _Race:
    """One tier's run: call, extraction, checks."""

    state: State
    services: Services
    emit: Emit
    here: Here
    call: Call
    attempt: Attempt | None = None

    @property
    def passed(self) -> bool:
        attempt = self.attempt
        verdict = attempt.verdict if attempt is not None else None
        return (
            verdict is not None
            and verdict.status == "passed"
            and attempt is not None
            and not doubted(attempt)
        )

    async def run(self) -> None:
        """Answer and judge."""
        task = task_of(self.state)
        attempt = self.attempt = await self.call.make()
        self.emit(AttemptEnded(task_id=task.id, attempt=attempt))
        if attempt.error is not None:
            return
        names = self.here.of(ParallelNode).validators
        self.attempt, latency = await checked(task, attempt, self.services, names)
        verdict = self.attempt.verdict
        assert verdict is not None, "it was checked"
        scope = scope_of(self.state, self.services.run).child(self.here.name)
        Judgement(task, scope, self.attempt, verdict, latency).publish(self.services, self.emit)

    def settle(self) -> None:
        """What became of a race that was ended: its call as it was booked; a reservation not used is given back."""
        if self.attempt is None:
            self.attempt = self.call.cancelled
        if self.attempt is None:
            self.call.release()
