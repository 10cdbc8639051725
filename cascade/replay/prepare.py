"""Makes a table fit for figures in USD: prices where the log has none, complete where it has gaps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np

from cascade.errors import InputError, SupportError, listed
from cascade.policy.steps import Step
from cascade.replay.acceptance import acceptance
from cascade.replay.exact import exact_sum, rounded
from cascade.replay.table import Bools, OutcomeTable

Counts: TypeAlias = tuple[int, ...]


def priced(table: OutcomeTable, flat: Mapping[str, float] | None = None) -> OutcomeTable:
    """Fill costs that are not known: by a flat USD an attempt where `flat` names the tier, else by the mean
    of what the same kind of attempt cost elsewhere in the log (noted). Tiers without any cost are left as
    they are. Raises InputError for a flat price of a tier that the log does not have.
    """
    prices = dict(flat or {})
    unknown = sorted(set(prices) - {arm.tier for arm in table.arms})
    if unknown:
        raise InputError(f"no tier {unknown[0]} in the log", hint=f"it has {listed(table.tiers)}")
    cost, notes = table.cost.copy(), list(table.notes)
    for k, arm in enumerate(table.arms):
        seen = table.seen[:, k]
        if arm.tier in prices:
            cost[seen, k] = prices[arm.tier]
            continue
        gaps = seen & np.isnan(cost[:, k])
        mean = table.mean_cost(k)
        if gaps.any() and np.isfinite(mean):
            cost[gaps, k] = mean
            notes.append(mean_note(int(gaps.sum()), arm, mean))
    return replace(table, cost=cost, notes=tuple(notes))


def mean_note(count: int, arm: Step, mean: float) -> str:
    """Said of costs that were filled."""
    return f"{count} costs of {arm} are blank and counted at its mean, ${mean:.4g}"


def without_price(table: OutcomeTable) -> list[str]:
    """Tiers of which no cost is known."""
    return [tier for tier in table.tiers if np.isnan(table.mean_cost(table.first(tier)))]


@dataclass(frozen=True, slots=True)
class Gaps:
    """What a log lacks, in counts that add up. whole: tasks on which every tier's first attempt is known; solved: of
    these, where all are right. firsts: tasks with a known first attempt, by tier. By arm, over the whole tasks:
    reach: where it could be made; known: where its outcome is known of these; right: exact sum of these.
    """

    tasks: int
    whole: int
    solved: int
    firsts: Counts
    reach: Counts
    known: Counts
    right: Counts

    @classmethod
    def of(cls, table: OutcomeTable) -> Gaps:
        """Count one part."""
        mask = whole_tasks(table)
        first = table.outcome[:, [table.first(tier) for tier in table.tiers]]
        table = table if mask.all() else table.rows(np.flatnonzero(mask))
        ends = acceptance(table).ends
        reach = [_reachable(table, ends, k) for k in range(len(table.arms))]
        known = [np.isfinite(table.outcome[:, k]) & reach[k] for k in range(len(table.arms))]
        return cls(
            tasks=len(mask),
            whole=int(mask.sum()),
            solved=int((first[mask] == 1).all(axis=1).sum()),
            firsts=_counts(np.isfinite(first).T),
            reach=_counts(reach),
            known=_counts(known),
            right=tuple(exact_sum(table.outcome[here, k]) for k, here in enumerate(known)),
        )

    def __add__(self, other: Gaps) -> Gaps:
        sums = (getattr(self, one.name) for one in fields(self))
        others = (getattr(other, one.name) for one in fields(self))
        return Gaps(*(_plus(one, two) for one, two in zip(sums, others, strict=True)))


def _plus(one: Any, two: Any) -> Any:
    return tuple(a + b for a, b in zip(one, two, strict=True)) if isinstance(one, tuple) else one + two


def _counts(masks: Iterable[np.ndarray]) -> Counts:
    return tuple(int(mask.sum()) for mask in masks)


def whole_tasks(table: OutcomeTable) -> Bools:
    """The tasks on which every tier's first attempt is known."""
    firsts = [table.first(tier) for tier in table.tiers]
    return np.asarray(np.isfinite(table.outcome[:, firsts]).all(axis=1))


def complete(table: OutcomeTable, *, at_least: float = 0.5) -> OutcomeTable:
    """The tasks on which every tier's first attempt is known, and the later attempts that are known
    wherever they could have been made. What is left out is noted. Raises SupportError if fewer than a share
    `at_least` of the tasks remain.
    """
    keep, notes = offered(table, Gaps.of(table), at_least=at_least)
    mask = whole_tasks(table)
    table = table if mask.all() else table.rows(np.flatnonzero(mask))
    return replace(table.columns(keep), notes=notes)


def offered(about: OutcomeTable, gaps: Gaps, *, at_least: float = 0.5) -> tuple[list[int], tuple[str, ...]]:
    """The arms that can be offered on a log with these gaps, and its notes. Raises as `complete`."""
    share = gaps.whole / gaps.tasks
    if share < at_least:
        firsts = [about.arms[about.first(tier)] for tier in about.tiers]
        shares = listed(
            f"{arm} {known / gaps.tasks:.0%}" for arm, known in zip(firsts, gaps.firsts, strict=True)
        )
        raise SupportError(
            f"only {share:.0%} of the tasks have the outcome of every tier ({shares})",
            hint="choose tiers that were tried on the same tasks (--tiers)",
        )
    notes = list(about.notes)
    if gaps.whole < gaps.tasks:
        left_out = gaps.tasks - gaps.whole
        notes.append(f"{left_out} of {gaps.tasks} tasks lack a tier's outcome and are left out")
    keep = []
    for k, arm in enumerate(about.arms):
        reach, known = gaps.reach[k], gaps.known[k]
        if known == reach:
            keep.append(k)
            continue
        passed = int(rounded(gaps.right[k]))
        notes.append(f"{arm}: known for {known} of {reach} tasks ({passed} right), not offered")
    return keep, tuple(notes)


def canonical(arms: Sequence[Step]) -> tuple[Step, ...]:
    """Arms in an order that does not depend on the order of rows."""
    return tuple(sorted(arms, key=lambda arm: (arm.tier, arm.attempt, arm.after or "", arm.history)))


def _reachable(table: OutcomeTable, ends: np.ndarray, k: int) -> np.ndarray:
    """Where an attempt could be made: each attempt that has to come before it was rejected in some form of it."""
    arm = table.arms[k]
    same = [j for j, one in enumerate(table.arms) if one.tier == arm.tier and one.attempt == arm.attempt - 1]
    shown = [j for j, one in enumerate(table.arms) if one.tier == arm.after and one.tier != arm.tier]
    reach = np.ones(len(table), dtype=bool)
    for before in (same, shown):
        if before:
            reach &= (np.isfinite(ends[:, before]) & (ends[:, before] < 1)).any(axis=1)
    return reach
