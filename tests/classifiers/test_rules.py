"""Rules: monotone, explained, never called knowledge."""

from __future__ import annotations

import pytest

from cascade.classifiers.features import TASK_FEATURES
from cascade.classifiers.rules import RULES, RulesClassifier
from cascade.types import Task

TIERS = ("flash", "middle", "pro")


def test_every_rule_reads_a_feature_that_exists() -> None:
    assert {rule.feature for rule in RULES} <= set(TASK_FEATURES)


def test_a_dearer_tier_is_never_thought_worse() -> None:
    for prompt in ("add two numbers", "minimum spanning tree modulo 10^9 " * 50):
        found = list(RulesClassifier().probabilities(Task(prompt=prompt), TIERS).values())
        assert found == sorted(found)
        assert all(0 < p < 1 for p in found)


def test_a_harder_task_is_less_likely_to_pass_and_hears_why() -> None:
    easy, hard = Task(prompt="add two numbers"), Task(prompt="shortest path in a weighted graph, queries")
    rules = RulesClassifier()
    assert rules.probabilities(hard, TIERS)["flash"] < rules.probabilities(easy, TIERS)["flash"]
    one = rules.explain(hard, TIERS).estimates["flash"]
    assert "hard algorithms" in one.reason
    assert not one.known
    assert one.high - one.low > 0.5


@pytest.mark.parametrize("prompt", ["", "x" * 1_000_000, "\ud800"])
def test_any_prompt_is_answered(prompt: str) -> None:
    assert set(RulesClassifier().probabilities(Task(prompt=prompt), TIERS)) == set(TIERS)
