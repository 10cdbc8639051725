"""What the policy gets to see: built from the state, the forecast of costs and the budget."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from cascade.context import Context
from cascade.forecast import CHARS_PER_TOKEN
from cascade.nodes.services import Services, Tier
from cascade.policy.base import Situation
from cascade.prompting import Prompt, build
from cascade.types import Attempt, History, Task


def situation(
    services: Services,
    task: Task,
    attempts: tuple[Attempt, ...],
    probabilities: Mapping[str, float],
    *,
    context: Context | None = None,
) -> Situation:
    """All that is known when the next step is chosen."""
    left = remaining(services, attempts)
    return Situation(
        task=task,
        tiers=tuple(services.tiers),
        probabilities=probabilities,
        attempts=attempts,
        expected_cost={} if _passed(attempts) else _costs(services, task, attempts, context),
        budget_usd=None if left is None else float(left),
        draw=services.draw(),
    )


def _passed(attempts: tuple[Attempt, ...]) -> bool:
    """Whether there is nothing left to pay for."""
    last = attempts[-1].verdict if attempts else None
    return last is not None and last.status == "passed" and attempts[-1].judged is None


def _costs(
    services: Services, task: Task, attempts: tuple[Attempt, ...], context: Context | None
) -> dict[str, float | None]:
    """Expected USD of one next attempt by tier."""
    return {
        name: services.forecast.expected(
            name,
            (*next_prompt(services, task, attempts, tier, context=context).messages, *task.tools),
            attempts,
            cached=_sent_before(services, name, context),
        )
        for name, tier in services.tiers.items()
    }


def _sent_before(services: Services, tier: str, context: Context | None) -> int:
    """Tokens of the context that the tier's cache holds, since some task sent it."""
    if context is None or not services.prefixes.was_sent((tier, context.sha256)):
        return 0
    return round(len(context.text) / CHARS_PER_TOKEN)


def next_prompt(
    services: Services,
    task: Task,
    attempts: tuple[Attempt, ...],
    tier: Tier,
    history: History | None = None,
    *,
    context: Context | None = None,
) -> Prompt:
    """The request that an attempt at `tier` would send now; `history` overrides what the tier has configured."""
    again = bool(attempts) and attempts[-1].tier == tier.name
    configured = tier.retry_history if again else tier.escalation_history
    return build(
        task,
        attempts,
        history=history or configured,
        feedback=services.feedback,
        system_prompt=services.system_prompt,
        context=context,
    )


def remaining(services: Services, attempts: tuple[Attempt, ...]) -> Decimal | None:
    """USD that this task may still spend, by its own limit and the run's; None: no limit."""
    left = services.budget.left()
    if services.per_task_usd is None:
        return left
    own = services.per_task_usd - spent(attempts)
    return own if left is None else min(own, left)


def spent(attempts: tuple[Attempt, ...]) -> Decimal:
    """USD of all attempts as far as prices are known."""
    return sum((attempt.cost_usd or Decimal(0) for attempt in attempts), Decimal(0))
