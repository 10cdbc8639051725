"""generate: one attempt at a tier, the decided one or the node's own."""

from __future__ import annotations

from cascade.codec import to_json
from cascade.config import Price
from cascade.config.graph import GenerateNode
from cascade.errors import BudgetExhaustedError
from cascade.events import AttemptEnded, Emit
from cascade.ledger import Tariff
from cascade.nodes.attempt import Terms, prepare
from cascade.nodes.services import Services, Tier
from cascade.nodes.state import State, Update, carried_out, decision_of, next_number, task_of
from cascade.nodes.step import Here, Outcome
from cascade.nodes.warming import warmed
from cascade.policy.base import Decision
from cascade.prices import PriceOverride


async def generate(state: State, services: Services, emit: Emit, here: Here) -> Outcome:
    """Make the attempt. A call that fails is an attempt too, with its error and its cost."""
    wanted, decision = here.of(GenerateNode), decision_of(state)
    tier = wanted.tier or (decision.tier if decision is not None else None)
    assert tier is not None, "the check of the graph saw to it that a tier is decided"
    try:
        terms = terms_of(wanted, services.tiers[tier], number=next_number(state))
        await warmed(state, services, services.tiers[tier])
        call = await prepare(state, services, emit, here=here, terms=terms)
    except BudgetExhaustedError as error:
        return Outcome("exhausted", {"decision": to_json(out_of_budget(tier, error))})
    attempt = await call.make()
    emit(AttemptEnded(task_id=task_of(state).id, attempt=attempt))
    done = to_json(attempt)
    made: Update = {"attempts": [done], "pending": None} if attempt.error else {"pending": done}
    return Outcome("failed" if attempt.error else "answered", {**made, **carried_out(state)})


def out_of_budget(tier: str, error: BudgetExhaustedError) -> Decision:
    """The stop that a reservation which does not fit comes to."""
    return Decision(action="stop", tier=tier, reason=f"stop: {error.message}", exhausted=True)


def terms_of(wanted: GenerateNode, tier: Tier, *, number: int) -> Terms:
    """The node's own bounds and price."""
    tariff = None
    if isinstance(wanted.price, Price):
        tariff = Tariff(model=tier.model_name, override=PriceOverride(**wanted.price.model_dump()))
    elif wanted.price is not None:
        tariff = Tariff(model=tier.model_name, override="unknown" if wanted.price == "unknown" else None)
    return Terms(
        tier=tier.name,
        number=number,
        max_output_tokens=wanted.max_output_tokens,
        timeout_s=wanted.timeout_s,
        max_usd=wanted.max_usd,
        tariff=tariff,
    )
