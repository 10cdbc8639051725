"""A declared config as a plan over tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from cascade.config import Config
from cascade.config import ExpectedValuePolicy as ExpectedValueConfig
from cascade.config import FixedPolicy as FixedConfig
from cascade.config import ThresholdPolicy as ThresholdConfig
from cascade.errors import SupportError, listed
from cascade.policy.artifact import load_estimates
from cascade.policy.base import Policy
from cascade.policy.expected_value import Conditions, ExpectedValuePolicy
from cascade.policy.fixed import FixedPolicy
from cascade.policy.steps import Step, Verifier
from cascade.policy.threshold import ThresholdPolicy
from cascade.replay.judged import on_judge
from cascade.replay.plans import FixedPlan, Plan, ThresholdPlan
from cascade.replay.policy_plan import PolicyPlan
from cascade.replay.table import OutcomeTable
from cascade.replay.value_plan import ValuePlan
from cascade.types import Task


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a config alone does not hold. plugin: makes a policy of a plug-in's config. chances: the classifier's
    P(first attempt passes) of tasks, by tier. tasks: by id.
    """

    plugin: Callable[[Config], Policy] | None = None
    chances: Callable[[list[Task]], Mapping[str, list[float]]] | None = None
    tasks: Mapping[str, Task] = field(default_factory=dict)


def configured(
    config: Config, table: OutcomeTable, around: Surroundings | None = None
) -> tuple[Plan, OutcomeTable]:
    """The config's plan, and the table with the probabilities that the plan will look at.

    Raises SupportError where the log lacks a tier of the config, or what a plug-in policy needs.
    """
    around = around or Surroundings()
    missing = [tier for tier in _tiers(config) if tier not in table.tiers]
    if missing:
        raise SupportError(
            f"the log has no tier {', '.join(missing)}, which the config may use",
            hint=f"the log has {listed(table.tiers)}; a tier's name in the config is `model` in the log",
        )
    table = _with_chances(config, table, around)
    table = table if config.judge is None else on_judge(table)
    plan = _plan(config, table, around)
    return _named(plan), _noted(config, table)


def _tiers(config: Config) -> list[str]:
    wanted = config.policy
    if isinstance(wanted, FixedConfig):
        return list(dict.fromkeys(wanted.order))
    if isinstance(wanted, ThresholdConfig):
        allowed = {name: wanted.attempts.get(name, wanted.default_attempts) for name in config.tiers}
        return [name for name, count in allowed.items() if count > 0]
    if isinstance(wanted, ExpectedValueConfig) and wanted.artifact is not None:
        known = {step.tier for step in load_estimates(wanted.artifact).arms}
        return [name for name in config.tiers if name in known]
    return list(config.tiers)


def _plan(config: Config, table: OutcomeTable, around: Surroundings) -> Plan:
    wanted = config.policy
    if isinstance(wanted, FixedConfig):
        fixed = _fixed(wanted.order, table)
        return fixed if config.judge is None else _asked(FixedPolicy(wanted.order), config, around)
    if isinstance(wanted, ThresholdConfig):
        climbing = ThresholdPlan(tuple(config.tiers), wanted.start, wanted.attempts, wanted.default_attempts)
        if config.judge is None:
            return climbing
        granted = climbing.allowed(table)
        return _asked(ThresholdPolicy(wanted.start, attempts=granted, default_attempts=0), config, around)
    if isinstance(wanted, ExpectedValueConfig):
        return _expected_value(config, wanted, table, around)
    if around.plugin is None:
        raise SupportError(
            "this config's policy is a plug-in, and nothing here loads plug-ins",
            hint="replay with `cascade replay`, or pass Surroundings(plugin=...)",
        )
    return _asked(around.plugin(config), config, around)


def _expected_value(
    config: Config, wanted: ExpectedValueConfig, table: OutcomeTable, around: Surroundings
) -> Plan:
    """On whole tables at once where nothing but estimates and verdicts counts, else row by row."""
    verifier = Verifier(wanted.verifier.accepts_right, wanted.verifier.rejects_wrong)
    estimates = load_estimates(wanted.artifact) if wanted.artifact is not None else None
    plain = not wanted.explore and config.budget.per_task_usd is None and config.judge is None
    if estimates is not None and plain:
        offered = {step: arm for step, arm in estimates.arms.items() if step.tier in config.tiers}
        known = replace(estimates, arms=offered)
        return ValuePlan(known, float(wanted.value_usd), wanted.max_attempts, verifier)
    held = {tier: sum(arm.tier == tier for arm in table.arms) for tier in config.tiers}
    conditions = Conditions(
        verifier=verifier,
        per_tier={tier: min(count, 2) for tier, count in held.items()},
        shown={name: tier.history.retry for name, tier in config.tiers.items()},
        escalated={name: tier.history.escalation for name, tier in config.tiers.items()},
    )
    policy = ExpectedValuePolicy(
        float(wanted.value_usd),
        max_attempts=wanted.max_attempts,
        explore=wanted.explore,
        estimates=estimates,
        conditions=conditions,
    )
    return _asked(policy, config, around)


def _asked(policy: Policy, config: Config, around: Surroundings) -> PolicyPlan:
    budget = config.budget.per_task_usd
    return PolicyPlan(
        policy,
        tuple(config.tiers),
        shown={name: tier.history for name, tier in config.tiers.items()},
        tasks=around.tasks,
        budget_usd=None if budget is None else float(budget),
        accept=None if config.judge is None else config.judge.accept,
    )


def _fixed(order: tuple[str, ...], table: OutcomeTable) -> FixedPlan:
    steps: list[Step] = []
    for tier in order:
        number = 1 + sum(step.tier == tier for step in steps)
        last = steps[-1].tier if steps else None
        arms = [arm for arm in table.arms if (arm.tier, arm.attempt) == (tier, number)]
        fitting = [arm for arm in arms if arm.after in (None, last)]
        if not fitting:
            raise SupportError(
                f"the log has no attempt {number} at {tier}, which the fixed order asks for",
                hint="leave it out of the config, or log such attempts",
            )
        steps.append(min(fitting, key=lambda arm: arm.after is not None))
    return FixedPlan(tuple(steps))


def _with_chances(config: Config, table: OutcomeTable, around: Surroundings) -> OutcomeTable:
    """Probabilities of the config's tiers: its classifier's on the tasks, else the log's own, else base rates."""
    own = {tier: values for tier, values in table.probabilities.items() if tier in config.tiers}
    table = replace(table, probabilities=own)
    if not asks_classifier(config):
        return table
    known = [around.tasks[task] for task in table.tasks if task in around.tasks]
    if around.chances is not None and len(known) == len(table):
        given = around.chances(known)
        return replace(table, probabilities={t: np.array(values) for t, values in given.items()})
    if own:
        return table
    rates = {}
    for tier in table.tiers:
        if tier in config.tiers:
            rates[tier] = np.full(len(table), table.rate(table.first(tier)))
    note = "no prompts for the classifier (--tasks): every task gets its tiers' base rates in this log"
    return replace(table, probabilities=rates, notes=(*table.notes, note))


def asks_classifier(config: Config) -> bool:
    """Whether the config's own policy decides by what a classifier says."""
    wanted = config.policy
    if isinstance(wanted, ExpectedValueConfig):
        return wanted.artifact is None or load_estimates(wanted.artifact).told is not None
    return isinstance(wanted, ThresholdConfig) and wanted.start > 0


def _named(plan: Plan) -> Plan:
    return plan if isinstance(plan, PolicyPlan) else replace(plan, name="config")  # type: ignore[type-var]


def _noted(config: Config, table: OutcomeTable) -> OutcomeTable:
    """Say so where the config grants attempts that the log holds for no task."""
    wanted = config.policy
    if not isinstance(wanted, ThresholdConfig):
        return table
    short = []
    for tier in config.tiers:
        granted = wanted.attempts.get(tier, wanted.default_attempts)
        held = max((arm.attempt for arm in table.arms if arm.tier == tier), default=0)
        if 0 < held < granted:
            short.append(f"{tier} {held} of {granted}")
    if not short:
        return table
    note = f"the log holds fewer attempts than the config grants, replayed with what there is: {', '.join(short)}"
    return replace(table, notes=(*table.notes, note))
