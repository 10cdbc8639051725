"""Simulated logs: outcomes by task and tier with a common difficulty, and decisions taken on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cascade.policy.steps import Step, Verifier
from cascade.replay.episodes import Episodes
from cascade.replay.table import OutcomeTable

TIERS = ("cheap", "middle", "strong")
LEVELS = (0.0, 0.7, 1.6)
PRICES = (0.01, 0.03, 0.1)


def world(seed: int, n: int, tiers: int = 3, *, rates: bool = False) -> OutcomeTable:
    """n tasks; failures are correlated, costs rise with difficulty and have long tails."""
    g = np.random.default_rng(seed)
    z = g.normal(size=n)
    p = np.stack([1 / (1 + np.exp(-(level + 1.5 * z))) for level in LEVELS[:tiers]], axis=1)
    outcome = np.round(p, 3) if rates else (g.random(p.shape) < p).astype(float)
    spread = np.exp(0.5 * g.normal(size=p.shape) - 0.4 * z[:, None])
    return OutcomeTable(
        tasks=[f"t{seed}-{k:06d}" for k in range(n)],
        arms=tuple(Step(tier) for tier in TIERS[:tiers]),
        outcome=outcome,
        cost=np.array(PRICES[:tiers]) * spread,
    )


def checked(table: OutcomeTable, verifier: Verifier, seed: int) -> OutcomeTable:
    """The table with verdicts that err independently at a verifier's rates."""
    g = np.random.default_rng(seed + 77)
    passes = np.where(table.outcome == 1, verifier.accept, 1 - verifier.reject)
    return replace(table, accepted=(g.random(table.outcome.shape) < passes).astype(float))


def logged(table: OutcomeTable, seed: int, *, explore: float = 0.4) -> Episodes:
    """Two tiers, the cheap one first but for exploration; after a failure the other one, mostly."""
    g = np.random.default_rng(seed)
    n = len(table)
    arms = np.full((n, 2), -1, dtype=np.intp)
    propensity = np.full((n, 2), np.nan)
    first = (g.random(n) < explore / 2).astype(np.intp)
    arms[:, 0], propensity[:, 0] = first, np.where(first == 1, explore / 2, 1 - explore / 2)
    again = np.where(first == 0, 0.7, 0.5)
    verdict = table.outcome if table.accepted is None else table.accepted
    goes = (verdict[np.arange(n), first] == 0) & (g.random(n) < again)
    arms[goes, 1], propensity[goes, 1] = 1 - first[goes], again[goes]
    seen = np.zeros(table.outcome.shape, dtype=bool)
    for turn in (0, 1):
        rows = np.flatnonzero(arms[:, turn] >= 0)
        seen[rows, arms[rows, turn]] = True
    outcome, cost = np.where(seen, table.outcome, np.nan), np.where(seen, table.cost, np.nan)
    accepted = None if table.accepted is None else np.where(seen, table.accepted, np.nan)
    table = replace(table, outcome=outcome, cost=cost, accepted=accepted)
    return Episodes(table=table, arms=arms, propensity=propensity)
