"""Before many requests with one context go to a tier, the context alone is sent once, so that they all hit its cache.

A prefix cache is filled by the first request that has the prefix; requests sent at the same moment all pay for it
in full. A call of its own, with one token of output, ends exactly where the context ends, and takes a fraction of the
time of a whole answer. It is the run's, not a task's: it counts against `total_usd` and `per_day_usd`.
"""

from __future__ import annotations

from dataclasses import replace

from cascade.context import Context
from cascade.errors import BudgetExhaustedError
from cascade.models.warm import LEAST_TOKENS, WARM_OUTPUT, Shared, worth_usd
from cascade.nodes.attempt import Call, reserved
from cascade.nodes.context import context_of
from cascade.nodes.records import Place
from cascade.nodes.services import Services, Tier
from cascade.nodes.state import State, attempts_of, task_of
from cascade.prompting import Prompt, prefix_messages
from cascade.types import Task

NODE = "warm"
LATER = 0.5
"""Share of the tasks at work that are expected at a tier which is not their first."""


async def warmed(state: State, services: Services, tier: Tier) -> None:
    """Return when the task's request may be sent: at once, or after the warm call of its context at this tier.

    A warm call that fails, or does not fit the budget, holds nobody up: the tasks find out for themselves.
    """
    context = context_of(state, services)
    if context is None or task_of(state).messages:
        return
    prefix = (tier.name, context.sha256)
    if not services.prefixes.first(prefix):
        await services.prefixes.ready(prefix)
        return
    if _pays(state, services, tier, context):
        with services.prefixes.warming(prefix):
            await _warm(services, tier, context)


def _pays(state: State, services: Services, tier: Tier, context: Context) -> bool:
    """Whether the other tasks save more than the call costs, at the prices in force."""
    price = services.forecast.price(tier.name)
    if price is None or context.tokens < LEAST_TOKENS:
        return False
    others = services.prefixes.others(services.contexts.key(task_of(state)))
    if attempts_of(state):
        others = round(LATER * others)
    shared = Shared(messages=(), tokens=context.tokens)
    rate = price.for_input(context.tokens)
    return worth_usd(shared, others + 1, fresh_usd=float(rate.input), cached_usd=float(rate.cached_input)) > 0


async def _warm(services: Services, tier: Tier, context: Context) -> None:
    prompt = Prompt(
        messages=prefix_messages(context, services.system_prompt), after=None, history="none", context=context
    )
    place = Place(
        scope=services.run.child(NODE),
        node=NODE,
        number=services.prefixes.next_number(),
        tier=replace(tier, max_output_tokens=WARM_OUTPUT),
        tier_attempt=1,
        prompt=prompt,
        content=services.content,
        warm=True,
    )
    task = Task(prompt="", id=NODE)
    try:
        place, amount = reserved(services, place, task)
        reservation = services.budget.reserve(amount)
    except BudgetExhaustedError:
        return
    call = Call(
        task=task,
        place=place,
        purse=services.budget,
        reservations=[reservation],
        services=services,
        emit=lambda _: None,
    )
    await call.make()
