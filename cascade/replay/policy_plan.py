"""Any policy object as a plan: asked row by row, as the graph would ask it. Slower, and true to the letter."""

from __future__ import annotations

import random
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from cascade.config.tiers import HistoryByStep
from cascade.errors import SupportError
from cascade.evidence import JUDGED
from cascade.policy.base import Decision, Policy, Situation
from cascade.policy.judge import best_judged
from cascade.policy.steps import Step
from cascade.replay.plans import STOP, Walk
from cascade.replay.table import Ints, OutcomeTable
from cascade.types import Attempt, Diagnostic, History, Judged, Report, Task, Usage, Verdict


@dataclass(frozen=True, slots=True)
class PolicyPlan:
    """A policy over a table's rows.

    tiers: the config's, cheapest first. shown: the configured history by tier. tasks: by id, where the policy
    wants more than an id. priced: whether the policy is told each tier's mean cost in the table as its
    expected cost (else it has to know costs itself). seed: of the draws for exploration. accept: what a judge accepts
    (None: there is none; see `cascade.replay.judged`).
    """

    policy: Policy
    tiers: tuple[str, ...]
    shown: Mapping[str, HistoryByStep] = field(default_factory=dict)
    tasks: Mapping[str, Task] = field(default_factory=dict)
    budget_usd: float | None = None
    seed: int = 0
    priced: bool = True
    accept: float | None = None

    @property
    def name(self) -> str:
        """See `Plan`."""
        return self.policy.name

    def walk(self, table: OutcomeTable) -> Walk:
        """See `Plan`."""
        return _PolicyWalk(self, table)


class _PolicyWalk:
    """See `Walk`."""

    def __init__(self, plan: PolicyPlan, table: OutcomeTable) -> None:
        self.plan = plan
        self.looks = True
        self.table = table
        self.attempts: list[tuple[Attempt, ...]] = [()] * len(table)
        self.evidence: list[tuple[Mapping[str, float], ...]] = [()] * len(table)
        self.given: Ints = np.full(len(table), STOP, dtype=np.intp)
        first = {tier: table.first(tier) for tier in plan.tiers if plan.priced and tier in table.tiers}
        self.first_cost: dict[str, float | None] = {}
        for tier, arm in first.items():
            mean = table.mean_cost(arm)
            self.first_cost[tier] = None if np.isnan(mean) else mean

    def choose(self, rows: Ints) -> Ints:
        """See `Walk`."""
        return np.array([self._choose(int(row)) for row in rows], dtype=np.intp)

    def _choose(self, row: int) -> int:
        made = self.attempts[row]
        decision = self.plan.policy.decide(self._situation(row))
        if decision.action in ("stop", "accept") or decision.tier is None:
            self.given[row] = self._kept(decision, row)
            return STOP
        last = made[-1].tier if made else None
        history = decision.history or self._configured(decision.tier, last)
        number = 1 + sum(attempt.tier == decision.tier for attempt in made)
        return self._nearest(decision.tier, number, (last, history), row)

    def _configured(self, tier: str, last: str | None) -> History:
        """What the config shows an attempt at a tier after one at `last`."""
        shown = self.plan.shown.get(tier)
        if last is None or shown is None:
            return "none"
        return shown.retry if tier == last else shown.escalation

    def _nearest(self, tier: str, number: int, shown: tuple[str | None, History], row: int) -> int:
        """The table's arm for what the policy asks; what is shown is met if the table tells it apart.

        A log of decisions lacks some steps that a policy may ask for: then one that the row does not know, so that
        the row counts as unknown. Raises SupportError where the row knows every arm there is.
        """
        last, history = shown
        for step in (Step(tier, number, last, history), Step(tier, number)):
            arm = self.table.arm(step)
            if arm is not None:
                return arm
        others = [k for k, arm in enumerate(self.table.arms) if (arm.tier, arm.attempt) == (tier, number)]
        others = [k for k in others if self.table.arms[k].after == last]
        unknown = np.flatnonzero(~self.table.seen[row])
        if not others and unknown.size:
            return int(unknown[0])
        if not others:
            raise SupportError(
                f"the log has no attempt {number} at {tier}{f' after {last}' if last else ''}, "
                f"which {self.plan.name} asks for",
                hint="leave it out of the config, or log such attempts",
            )
        return others[0]

    def _situation(self, row: int) -> Situation:
        task_id = self.table.tasks[row]
        made = self.attempts[row]
        spent = sum(float(attempt.cost_usd or 0) for attempt in made)
        budget = self.plan.budget_usd
        chance = random.Random(f"{self.plan.seed}/{task_id}/{len(made)}")  # noqa: S311  (a replayable draw)
        probabilities = {
            tier: float(values[row])
            for tier, values in self.table.probabilities.items()
            if np.isfinite(values[row])
        }
        return Situation(
            task=self.plan.tasks.get(task_id) or Task(prompt="", id=task_id),
            tiers=self.plan.tiers,
            probabilities=probabilities,
            attempts=made,
            expected_cost=self.first_cost,
            budget_usd=None if budget is None else budget - spent,
            draw=chance.random(),
            evidence=self.evidence[row],
        )

    def rejected(self, rows: Ints, arms: Ints) -> None:
        """See `Walk`."""
        for row, arm in zip(rows, arms, strict=True):
            made = self.attempts[int(row)]
            self.attempts[int(row)] = (*made, self._attempt(int(row), int(arm), len(made) + 1))
            self.evidence[int(row)] += (self._left_behind(int(row), int(arm)),)

    def _left_behind(self, row: int, arm: int) -> dict[str, float]:
        """The table's figures of an attempt."""
        columns = {"cost_usd": self.table.cost, **self.table.figures} if self.looks else {}
        return {name: float(values[row, arm]) for name, values in columns.items()}

    def _attempt(self, row: int, arm: int, number: int) -> Attempt:
        step = self.table.arms[arm]

        def figure(name: str) -> float:
            values = self.table.figures.get(name) if self.looks else None
            value = float("nan") if values is None else float(values[row, arm])
            return value if np.isfinite(value) else 0.0

        found = (Diagnostic(message="logged"),) * round(figure("diagnostics"))
        judged = None if self.plan.accept is None else self._judged(row, arm)
        report = Report(name="log", status="passed" if judged else "failed", diagnostics=found)
        cost = float(self.table.cost[row, arm]) if self.looks else float("nan")
        return Attempt(
            number=number,
            tier=step.tier,
            tier_attempt=step.attempt,
            after=step.after,
            history=step.history,
            verdict=Verdict.of([report]),
            judged=judged,
            usage=Usage(input=round(figure("input_tokens")), output=round(figure("output_tokens"))),
            cost_usd=Decimal(repr(cost)) if np.isfinite(cost) else None,
            latency_s=figure("latency_s"),
        )

    def _judged(self, row: int, arm: int) -> Judged | None:
        figures = {name: values[row, arm] for name, values in self.table.figures.items()}
        p = float(figures.get(JUDGED, np.nan))
        if not np.isfinite(p):
            return None
        others = {
            name.partition(":")[2]: float(value)
            for name, value in figures.items()
            if name.startswith(f"{JUDGED}:") and np.isfinite(value)
        }
        least = self.plan.accept or 0.0
        return Judged(judge="log", version="", p=p, low=p, high=p, accept=least, others=others)

    def blind(self) -> Walk:
        """See `Walk`."""
        other = copy(self)
        other.attempts, other.given, other.looks = list(self.attempts), self.given.copy(), False
        other.evidence = list(self.evidence)
        return other

    def gives(self, rows: Ints) -> Ints:
        """See `Walk`."""
        return self.given[rows]

    def _kept(self, decision: Decision, row: int) -> int:
        """The arm whose answer is given back: the accepted one, else the likeliest by a judge, else by the policy."""
        made = self.attempts[row]
        named = next((one for one in made if one.number == decision.given), None)
        kept = best_judged(made) or named
        if decision.action == "accept" and made:
            kept = named or made[-1]
        if kept is None:
            return self._arm_of(decision.tier, row)
        return self._nearest(kept.tier, kept.tier_attempt, (kept.after, kept.history), row)

    def _arm_of(self, tier: str | None, row: int) -> int:
        made = [attempt for attempt in self.attempts[row] if tier is None or attempt.tier == tier]
        if not made:
            return STOP
        last = made[-1]
        return self._nearest(last.tier, last.tier_attempt, (last.after, last.history), row)
