"""What is given back when nothing was accepted: what replay takes to be given back."""

from __future__ import annotations

from cascade.nodes.ending import best
from cascade.types import Attempt, Diagnostic, Report, Verdict


def rejected(number: int, tier: str, findings: int) -> Attempt:
    found = tuple(Diagnostic(message="wrong") for _ in range(findings))
    report = Report(name="pytest", status="failed", diagnostics=found)
    return Attempt(number=number, tier=tier, verdict=Verdict.of([report]))


def test_of_rejected_answers_the_one_of_the_tier_that_the_policy_names_is_given_back() -> None:
    attempts = (rejected(1, "flash", 1), rejected(2, "pro", 3))
    given = best(attempts, tier="pro")
    assert given is not None
    assert given.number == 2


def test_of_one_tiers_rejected_answers_the_one_with_fewer_errors_is_given_back() -> None:
    attempts = (rejected(1, "flash", 1), rejected(2, "flash", 2), rejected(3, "flash", 1))
    given = best(attempts, tier="flash")
    assert given is not None
    assert given.number == 3
