"""Situations to decide in."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from cascade.policy.base import Situation
from cascade.types import Attempt, CheckStatus, Diagnostic, Report, Task, Verdict

TIERS = ("flash", "pro", "max")
PROBABILITIES = {"flash": 0.5, "pro": 0.7, "max": 0.8}
COSTS: Mapping[str, float | None] = {"flash": 0.002, "pro": 0.01, "max": 0.05}


def attempt(tier: str, status: CheckStatus = "failed", *, number: int = 1, again: int = 1) -> Attempt:
    found = (Diagnostic(message="wrong"),) if status == "failed" else ()
    verdict = Verdict.of([Report(name="pytest", status=status, diagnostics=found)])
    return Attempt(number=number, tier=tier, tier_attempt=again, verdict=verdict, cost_usd=Decimal("0.002"))


def situation(
    *attempts: Attempt,
    probabilities: Mapping[str, float] = PROBABILITIES,
    costs: Mapping[str, float | None] = COSTS,
    budget: float | None = None,
    draw: float = 0.5,
) -> Situation:
    return Situation(
        task=Task(prompt="p"),
        tiers=tuple(costs),
        probabilities=probabilities,
        attempts=attempts,
        expected_cost=costs,
        budget_usd=budget,
        draw=draw,
    )
