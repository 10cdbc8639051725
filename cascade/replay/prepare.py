"""Makes a table fit for figures in USD: prices where the log has none, complete where it has gaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cascade.errors import InputError, SupportError
from cascade.policy.steps import Step
from cascade.replay.table import OutcomeTable


def priced(table: OutcomeTable, flat: Mapping[str, float] | None = None) -> OutcomeTable:
    """Fill costs that are not known: by a flat USD an attempt where `flat` names the tier, else by the mean
    of what the same kind of attempt cost elsewhere in the log (noted). Tiers without any cost are left as
    they are. Raises InputError for a flat price of a tier that the log does not have.
    """
    prices = dict(flat or {})
    unknown = sorted(set(prices) - {arm.tier for arm in table.arms})
    if unknown:
        raise InputError(f"no tier {unknown[0]} in the log", hint=f"it has {', '.join(table.tiers)}")
    cost, notes = table.cost.copy(), list(table.notes)
    for k, arm in enumerate(table.arms):
        seen = np.isfinite(table.outcome[:, k])
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


def complete(table: OutcomeTable, *, at_least: float = 0.5) -> OutcomeTable:
    """The tasks on which every tier's first attempt is known, and the later attempts that are known
    wherever they could have been made. What is left out is noted. Raises SupportError if fewer than a share
    `at_least` of the tasks remain.
    """
    firsts = [table.first(tier) for tier in table.tiers]
    whole = np.isfinite(table.outcome[:, firsts]).all(axis=1)
    if whole.mean() < at_least:
        shares = ", ".join(f"{table.arms[k]} {np.isfinite(table.outcome[:, k]).mean():.0%}" for k in firsts)
        raise SupportError(
            f"only {whole.mean():.0%} of the tasks have the outcome of every tier ({shares})",
            hint="choose tiers that were tried on the same tasks (--tiers)",
        )
    notes = list(table.notes)
    if not whole.all():
        notes.append(f"{int((~whole).sum())} of {len(table)} tasks lack a tier's outcome and are left out")
        table = table.rows(np.flatnonzero(whole))
    keep = []
    for k, arm in enumerate(table.arms):
        reach = _reachable(table, k)
        gaps = reach & np.isnan(table.outcome[:, k])
        if gaps.any():
            known = int(reach.sum() - gaps.sum())
            passed = int(np.nansum(np.where(reach, table.outcome[:, k], 0)))
            notes.append(
                f"{arm}: known for {known} of {int(reach.sum())} tasks ({passed} right), not offered"
            )
        else:
            keep.append(k)
    return replace(table.columns(keep), notes=tuple(notes))


def _reachable(table: OutcomeTable, k: int) -> np.ndarray:
    """Where an attempt could be made: each attempt that has to come before it was wrong in some form of it."""
    arm = table.arms[k]
    same = [j for j, one in enumerate(table.arms) if one.tier == arm.tier and one.attempt == arm.attempt - 1]
    shown = [j for j, one in enumerate(table.arms) if one.tier == arm.after and one.tier != arm.tier]
    reach = np.ones(len(table), dtype=bool)
    for before in (same, shown):
        if before:
            reach &= (np.isfinite(table.outcome[:, before]) & (table.outcome[:, before] < 1)).any(axis=1)
    return reach
