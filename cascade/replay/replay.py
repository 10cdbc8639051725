"""A replay from end to end: a log and a plan to figures, with everything they are held against."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cascade.errors import SupportError
from cascade.policy.steps import Verifier
from cascade.replay.acceptance import acceptance
from cascade.replay.baselines import Figures, always
from cascade.replay.checks_report import ChecksReport
from cascade.replay.engine import Played, play
from cascade.replay.episodes import Episodes
from cascade.replay.intervals import interval
from cascade.replay.labelled import labelled
from cascade.replay.offpolicy import OffPolicy, off_policy
from cascade.replay.outcome_model import Model, remembered
from cascade.replay.plans import FixedPlan, Plan
from cascade.replay.rates import believed
from cascade.replay.runs import runs_note
from cascade.replay.table import OutcomeTable
from cascade.replay.weighted import Estimated, by_task, cost_interval

FEW_TASKS = 10
_MOST_UNCHECKED = 0.1


@dataclass(frozen=True, slots=True)
class Replayed:
    """The figures of a plan and its baselines. estimates: off-policy, where the log is one of decisions. checks:
    what the log says of its validators, where verdicts are logged. shadow: the plan on the random sample of shadowed
    tasks, where the log has one.
    """

    n_tasks: int
    estimator: str
    support: dict[str, Any]
    policies: tuple[Figures | Estimated, ...]
    estimates: OffPolicy | None = None
    checks: ChecksReport | None = None
    shadow: Figures | None = None

    def document(self) -> dict[str, Any]:
        """As `cascade replay --json` prints it (design 5.8)."""
        found = {
            "n_tasks": self.n_tasks,
            "estimator": self.estimator,
            "support": self.support,
            "policies": [policy_document(one) for one in self.policies],
            **({"checks": self.checks.document()} if self.checks is not None else {}),
        }
        off = self.estimates
        others = [policy_document(one) for one in ((off.ips, off.snips, off.dr) if off is not None else ())]
        if self.shadow is not None:
            others.append(
                {**figures_document(self.shadow), "name": "shadow", "n_tasks": self.shadow.success.n}
            )
        return {**found, "estimates": others} if others else found


def replay_episodes(episodes: Episodes, plan: Plan, *, model: Model | None = None) -> Replayed:
    """Replay a plan on logged decisions: exact if they hold every outcome it asks for, else off-policy.

    Raises SupportError where nothing supports an answer.
    """
    checks = believed(episodes.table)
    episodes = labelled(episodes)
    table = episodes.table
    played = play(table, plan)
    if not played.unknown.any():
        config = replace(Figures.of(runs_merged(played, table)), name="config")
        n = config.success.n
        return Replayed(
            n_tasks=n,
            estimator="exact",
            support={"kind": "exact", "share": 1.0, "notes": told(table, n)},
            policies=(config, *known_singles(table)),
        )
    episodes, model = checked(episodes), model and remembered(model)
    kept, table = episodes, episodes.table
    found = off_policy(kept, plan, model=model, verifier=checks)
    support = {
        "kind": "propensities",
        "share": round(found.matched, 4),
        "effective_tasks": round(found.effective, 1),
        "mean_weight": round(found.mean_weight, 4),
        "notes": told(table, found.n),
    }
    estimated = replace(found.dr, name="config")
    beside = _estimated_singles(kept, model, checks)
    return Replayed(found.n, "dr" if model else "ips", support, (estimated, *beside), found)


def _estimated_singles(episodes: Episodes, model: Model | None, verifier: Verifier | None) -> list[Estimated]:
    """Each tier alone, as far as the log supports it; perfect foresight cannot be estimated from decisions."""
    found = []
    for tier in episodes.table.tiers:
        arms = [k for k, arm in enumerate(episodes.table.arms) if (arm.tier, arm.attempt) == (tier, 1)]
        fresh = [k for k in arms if episodes.table.arms[k].after is None]
        if not fresh:
            continue
        plan = FixedPlan((episodes.table.arms[fresh[0]],), name=f"always:{tier}")
        with suppress(SupportError):
            alone = off_policy(episodes, plan, model=model, verifier=verifier)
            found.append(replace(alone.dr, name=plan.name))
    return found


def policy_document(one: Figures | Estimated) -> dict[str, Any]:
    """One policy of the document."""
    return figures_document(one) if isinstance(one, Figures) else _estimated_document(one)


def figures_document(figures: Figures) -> dict[str, Any]:
    """One policy of the document: means a task with 95% intervals, USD."""
    success, cost = figures.success, figures.cost
    right = success.mean
    return {
        "name": figures.name,
        "success": right,
        "success_ci": list(interval(success, share=True)),
        "cost_usd": cost.mean,
        "cost_ci": _known_ends(cost_interval(cost)),
        "cost_per_success_usd": cost.mean / right if right > 0 else None,
        "tiers": figures.asked,
        **({"spent_usd": figures.spent, "wasted_usd": figures.wasted} if figures.spent else {}),
        **({"detail": figures.detail} if figures.detail else {}),
    }


def _known_ends(ci: tuple[float, float]) -> list[float | None]:
    """None for an end that is not known: JSON has no infinity."""
    return [end if math.isfinite(end) else None for end in ci]


def _estimated_document(one: Estimated) -> dict[str, Any]:
    return {
        "name": one.name,
        "success": min(max(one.success, 0.0), 1.0),
        "success_ci": list(one.success_ci),
        "cost_usd": one.cost,
        "cost_ci": _known_ends(one.cost_ci),
        "cost_per_success_usd": one.cost / one.success if one.success > 0 else None,
        "tiers": {},
    }


def known_singles(table: OutcomeTable) -> list[Figures]:
    """Each tier alone that is known on every task."""
    alone = always(table)
    known = [played for played in alone.values() if not played.unknown.any()]
    return [Figures.of(runs_merged(played, table)) for played in known]


def runs_merged(played: Played, table: OutcomeTable) -> Played:
    """Known figures by task where a log holds several runs of one: their means, as runs of a task are alike."""
    success, cost = (by_task(table.tasks, values) for values in (played.success, played.cost))
    return replace(played, success=success, cost=cost, unknown=np.zeros(len(success), dtype=bool))


def checked(episodes: Episodes) -> Episodes:
    """The trajectories whose every answer was checked: an unchecked one is neither right nor wrong."""
    rows, turns = np.nonzero(episodes.arms >= 0)
    ends = acceptance(episodes.table).ends[rows, episodes.arms[rows, turns]]
    cost = episodes.table.cost[rows, episodes.arms[rows, turns]]
    bad = np.unique(rows[np.isnan(ends) | np.isnan(cost)])
    if not bad.size:
        return episodes
    words = (
        f"{len(bad)} of {len(episodes)} tasks have an answer that was not checked, or whose cost is not known"
    )
    if len(bad) > _MOST_UNCHECKED * len(episodes):
        raise SupportError(
            f"{words}: figures of the others alone would not be those of all",
            hint="give a missing cost with --cost TIER=USD; `cascade report` says why answers were not checked",
        )
    kept = episodes.rows(np.setdiff1d(np.arange(len(episodes)), bad))
    return replace(kept, table=replace(kept.table, notes=(*kept.table.notes, f"{words}: left out")))


def told(table: OutcomeTable, n: int) -> list[str]:
    """A log's notes, and one more where figures rest on so few tasks that they say little."""
    runs = len(table.tasks) - len(set(table.tasks))
    again = [runs_note(runs)] if runs else []
    few = [f"{n} tasks: figures this few say little, whatever they are"] if n < FEW_TASKS else []
    return [*table.notes, *again, *few]
