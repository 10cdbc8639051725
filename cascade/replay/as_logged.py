"""The log's own policy: what its decisions came to, without deciding again.

A policy that explores, spends a budget or forecasts costs would draw, meet and forecast others the second time;
the config that was logged is known to have decided as the log says.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cascade.replay.acceptance import acceptance
from cascade.replay.baselines import Figures
from cascade.replay.engine import Played
from cascade.replay.episodes import Episodes
from cascade.replay.replay import Replayed, checked, known_singles, runs_merged, told

_NOTE = "this is the config that was logged: these are the log's own figures, nothing was decided again"


def replay_as_logged(episodes: Episodes) -> Replayed:
    """Success and cost of the logged trajectories. Raises SupportError where too many of these are not known.

    A rejected answer that was given back counts by its truth, where that is logged apart from the verdict.
    """
    kept = checked(episodes)
    table = kept.table
    config = replace(Figures.of(runs_merged(_played(kept), table)), name="config")
    n = config.success.n
    return Replayed(
        n_tasks=n,
        estimator="exact",
        support={"kind": "exact", "share": 1.0, "notes": [*told(table, n), _NOTE]},
        policies=(config, *known_singles(table)),
    )


def _played(episodes: Episodes) -> Played:
    table, arms = episodes.table, episodes.arms
    checks, n = acceptance(table), len(episodes)
    success, cost = np.zeros(n), np.zeros(n)
    asked, spent, wasted = (dict.fromkeys(table.tiers, 0.0) for _ in range(3))
    for turn in range(arms.shape[1]):
        rows = np.flatnonzero(arms[:, turn] >= 0)
        chosen = arms[rows, turn]
        price, ends = table.cost[rows, chosen], checks.ends[rows, chosen]
        last = np.ones(len(rows), dtype=bool) if turn + 1 == arms.shape[1] else arms[rows, turn + 1] < 0
        given = np.where((ends == 0) & last & checks.errs, checks.stands[rows, chosen], 0.0)
        success[rows] += checks.right[rows, chosen] + given
        cost[rows] += price
        for arm in np.unique(chosen):
            step, here = table.arms[arm], chosen == arm
            asked[step.tier] += float(here.sum()) / n if step.attempt == 1 else 0.0
            spent[step.tier] += float(price[here].sum()) / n
            wasted[step.tier] += float((price * (1 - ends))[here].sum()) / n
    return Played("config", success, cost, asked, spent, wasted, np.isnan(success))
