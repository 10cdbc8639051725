"""Five seeds of unseen tasks: everything is fitted, searched and chosen inside the training part."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from statistics import mean, stdev

import numpy as np

from cascade.policy.steps import Verifier
from cascade.replay.engine import play
from cascade.replay.intervals import Moments, interval
from cascade.replay.plans import FixedPlan
from cascade.replay.table import OutcomeTable
from cascade.tuning.choose import folds
from cascade.tuning.families import Adaptive, Family, Fixed, Space
from cascade.tuning.goal import Goal
from cascade.tuning.tune import Settings, fit_to_tune, search_and_choose


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """One question to a table. reference: the tier whose own success is to be reached, and its cost undercut."""

    name: str
    reference: str
    space: Space = field(default_factory=Space)
    confidence: float = 0.55
    seeds: int = 5
    parts: int = 10
    families: tuple[Family, ...] = field(default_factory=lambda: (Adaptive(), Fixed()))


@dataclass(frozen=True, slots=True)
class Answer:
    """Figures over seeds; each task is unseen once a seed. gain: success less the reference's own, by task."""

    name: str
    reference: str
    success: list[float]
    cost: list[float]
    own_success: float
    own_cost: float
    gain_ci: tuple[float, float]
    cost_ci: tuple[float, float]
    chosen: dict[str, int]
    advice: list[str]

    @property
    def ratio(self) -> float:
        """Cost over the reference's own."""
        return mean(self.cost) / self.own_cost

    def lines(self) -> list[str]:
        """In words and numbers."""
        spread = stdev(self.success) if len(self.success) > 1 else 0.0
        low, high = self.gain_ci
        cheap, dear = (one / self.own_cost for one in self.cost_ci)
        seeds = ", ".join(
            f"{success:.3f} at {cost / self.own_cost:.3f}"
            for success, cost in zip(self.success, self.cost, strict=True)
        )
        gain = mean(self.success) - self.own_success
        success = (
            f"  success on unseen tasks {mean(self.success):.4f} (sd over seeds {spread:.4f}) against "
            f"{self.own_success:.4f} for {self.reference}: {gain:+.4f} "
            f"(95% by task {low:+.4f} to {high:+.4f})"
        )
        cost = (
            f"  cost {self.ratio:.3f} of {self.reference}'s, 1/{1 / self.ratio:.2f} (95% by task {cheap:.3f} to "
            f"{dear:.3f}); by seed: {seeds}"
        )
        chosen = ", ".join(f"{name} x{count}" for name, count in self.chosen.items())
        return [self.name, success, cost, f"  chosen: {chosen}"]

    def document(self) -> dict[str, object]:
        """The same as JSON."""
        return {
            "name": self.name,
            "reference": self.reference,
            "success": mean(self.success),
            "success_by_seed": self.success,
            "own_success": self.own_success,
            "gain_ci": list(self.gain_ci),
            "cost_usd": mean(self.cost),
            "own_cost_usd": self.own_cost,
            "cost_ratio": self.ratio,
            "cost_ratio_by_seed": [cost / self.own_cost for cost in self.cost],
            "chosen": self.chosen,
            "advice": self.advice,
        }


def ask(table: OutcomeTable, outline: Outline) -> Answer:
    """Answer one question by cross-validation over tasks, once a seed."""
    table = fit_to_tune(table, outline.space)
    n, verifier = len(table), outline.space.verifier
    goal = Goal(kind="success", tier=outline.reference)
    success, cost = np.zeros((outline.seeds, n)), np.zeros((outline.seeds, n))
    chosen: Counter[str] = Counter()
    advice: list[str] = []
    for seed in range(outline.seeds):
        part = folds(n, seed, outline.parts)
        settings = Settings(
            confidence=outline.confidence, seed=seed, space=outline.space, families=outline.families
        )
        for k in range(outline.parts):
            train, test = table.rows(np.flatnonzero(part != k)), table.rows(np.flatnonzero(part == k))
            choice = search_and_choose(train, goal, settings)
            chosen[choice.pick.single or choice.pick.trial.family] += 1
            played = play(test, choice.plan, verifier=verifier)
            success[seed, part == k], cost[seed, part == k] = played.success, played.cost
    alone = play(table, _alone(table, outline.reference), verifier=verifier)
    gain = success.mean(axis=0) - alone.success
    return Answer(
        name=outline.name,
        reference=outline.reference,
        success=[float(one) for one in success.mean(axis=1)],
        cost=[float(one) for one in cost.mean(axis=1)],
        own_success=float(alone.success.mean()),
        own_cost=float(alone.cost.mean()),
        gain_ci=interval(Moments.of(gain), share=False),
        cost_ci=interval(Moments.of(cost.mean(axis=0)), share=False),
        chosen=dict(chosen.most_common()),
        advice=advice,
    )


def _alone(table: OutcomeTable, tier: str) -> FixedPlan:
    return FixedPlan((table.arms[table.first(tier)],), name=f"always:{tier}")


def pair_of(table: OutcomeTable, cheap: str, strong: str) -> OutcomeTable:
    """The two tiers only, first attempts."""
    two = table.columns([table.first(cheap), table.first(strong)])
    return replace(two, notes=table.notes)


def fixed_pair(
    table: OutcomeTable, cheap: str, strong: str, *, verifier: Verifier | None = None
) -> tuple[float, float]:
    """Success and cost of the plain cascade of two tiers, in sample."""
    steps = tuple(table.arms[table.first(tier)] for tier in (cheap, strong))
    played = play(table, FixedPlan(steps), verifier=verifier)
    return float(played.success.mean()), float(played.cost.mean())
