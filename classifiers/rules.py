"""An explainable classifier that needs no log: what can be counted makes a task harder or easier.

A start until there is a log. The points are a convention of ours, not a fit: they order tasks, and their
probabilities are guesses with an interval to match. `cascade train` replaces them by measurement.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cascade.classifiers.explanation import Estimate, Explanation, by_place, within
from cascade.classifiers.features import TASK_FEATURES, task_features
from cascade.types import Task

_HALF_WIDTH = 0.35
_CHEAPEST_LOGIT, _DEAREST_LOGIT = 0.6, 1.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Takes `points` off the log odds, in proportion, as a feature goes from `start` to `full`."""

    feature: str
    start: float
    full: float
    points: float
    says: str


RULES: tuple[Rule, ...] = (
    Rule(feature="prompt_words", start=math.log1p(60), full=math.log1p(1500), points=0.8, says="long prompt"),
    Rule(feature="hard_words", start=0.0, full=math.log1p(8), points=0.8, says="words of hard algorithms"),
    Rule(feature="build_words", start=0.0, full=math.log1p(8), points=0.5, says="building or mending"),
    Rule(feature="logic_words", start=math.log1p(3), full=math.log1p(20), points=0.3, says="many conditions"),
    Rule(feature="numbers", start=math.log1p(4), full=math.log1p(40), points=0.3, says="many numbers"),
    Rule(feature="size_limit", start=3.0, full=6.0, points=0.6, says="inputs of a large size"),
    Rule(feature="files", start=math.log1p(1), full=math.log1p(12), points=0.8, says="several files"),
    Rule(feature="file_chars", start=math.log1p(2000), full=math.log1p(60000), points=0.5, says="much code"),
    Rule(feature="asserts", start=math.log1p(8), full=math.log1p(60), points=0.3, says="many assertions"),
)


class RulesClassifier:
    """P(pass) by counting: a sum of `RULES`, and a step for each rung of the cascade."""

    name = "rules"
    version = "1"

    def probabilities(self, task: Task, tiers: Sequence[str]) -> dict[str, float]:
        """P(a first attempt passes) by tier; the order of `tiers` is cheapest first."""
        return {tier: estimate.p for tier, estimate in self.explain(task, tiers).estimates.items()}

    def explain(self, task: Task, tiers: Sequence[str]) -> Explanation:
        """The same with the rules that spoke, heaviest first."""
        spoken = _spoken(task)
        points = math.fsum(weight for weight, _ in spoken)
        why = ", ".join(f"{says} (-{weight:.1f})" for weight, says in spoken[:3]) or "nothing makes it hard"
        estimates = {}
        for place, tier in enumerate(tiers):
            logit = by_place(_CHEAPEST_LOGIT, _DEAREST_LOGIT, place=place, count=len(tiers)) - points
            p = 1.0 / (1.0 + math.exp(-logit))
            low, high = within(p, _HALF_WIDTH)
            estimates[tier] = Estimate(p=p, low=low, high=high, known=False, reason=f"by rules: {why}")
        return Explanation(estimates=estimates, reason=f"rules, not learned from a log: {why}")


def _spoken(task: Task) -> list[tuple[float, str]]:
    """The rules that apply: points and words, heaviest first."""
    values = dict(zip(TASK_FEATURES, task_features(task), strict=True))
    found = []
    for rule in RULES:
        share = (values[rule.feature] - rule.start) / (rule.full - rule.start)
        points = rule.points * min(max(share, 0.0), 1.0)
        if points >= 0.05:
            found.append((points, rule.says))
    return sorted(found, reverse=True)
