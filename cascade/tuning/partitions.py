"""Replay over partitions: each part's sums are merged, so that many machines give the figures of one.

Partitions are outcome tables (CSV or Parquet) that each hold whole tasks. With Ray (the extra `ray`) the
parts are played by remote workers; without it, one after another. What is searched and chosen for `tune` is
learnt from a sample of tasks drawn by their ids (the same whatever the partitions), so that it, too, does not
depend on how the log was cut.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from cascade.errors import InputError, UsageError
from cascade.policy.steps import Step, Verifier
from cascade.replay.baselines import Figures
from cascade.replay.engine import play
from cascade.replay.intervals import Moments
from cascade.replay.plans import Plan
from cascade.replay.prepare import priced
from cascade.replay.read_table import read_table
from cascade.replay.table import OutcomeTable


@dataclass(frozen=True, slots=True)
class Sums:
    """One plan on some tasks, in sums that add up."""

    success: Moments = field(default_factory=Moments)
    cost: Moments = field(default_factory=Moments)
    asked: dict[str, float] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)
    wasted: dict[str, float] = field(default_factory=dict)

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.success + other.success,
            self.cost + other.cost,
            _added(self.asked, other.asked),
            _added(self.spent, other.spent),
            _added(self.wasted, other.wasted),
        )

    def figures(self, name: str) -> Figures:
        """Means over all tasks."""
        n = max(self.success.n, 1)
        asked, spent, wasted = (
            {tier: total / n for tier, total in one.items()} for one in (self.asked, self.spent, self.wasted)
        )
        return Figures(name, self.success, self.cost, asked, spent, wasted)


def sums_of(table: OutcomeTable, plan: Plan, verifier: Verifier | None = None) -> Sums:
    """Play a plan on one part."""
    played = play(table, plan, verifier=verifier)
    known = ~played.unknown
    n = int(known.sum())
    return Sums(
        Moments.of(played.success[known]),
        Moments.of(played.cost[known]),
        *({k: v * n for k, v in one.items()} for one in (played.asked, played.spent, played.wasted)),
    )


def replay_partitions(
    paths: Sequence[Path], plan: Plan, *, verifier: Verifier | None = None, ray: bool = False
) -> Figures:
    """One plan over many partitions. Raises InputError without any, UsageError if Ray is asked for and missing."""
    if not paths:
        raise InputError("no partitions were given", hint="give at least one outcome table")

    def part(path: Path) -> Sums:
        return sums_of(priced(read_table(path)), plan, verifier)

    found = _on_ray(part, paths) if ray else map(part, paths)
    return sum(found, Sums()).figures(plan.name)


def sample_partitions(paths: Iterable[Path], *, share: float, seed: int = 0) -> OutcomeTable:
    """Tasks whose hashed id falls into a share of [0, 1): the same tasks however the log is partitioned."""
    return merged([_sampled(priced(read_table(path)), share, seed) for path in paths])


def merged(tables: Sequence[OutcomeTable]) -> OutcomeTable:
    """Tables of different tasks as one; an arm or figure that a part lacks is not known there."""
    arms = tuple(dict.fromkeys(arm for table in tables for arm in table.arms))
    names = list(dict.fromkeys(name for table in tables for name in table.figures))
    return OutcomeTable(
        tasks=[task for table in tables for task in table.tasks],
        arms=arms,
        outcome=np.concatenate([_aligned(table.outcome, table.arms, arms) for table in tables]),
        cost=np.concatenate([_aligned(table.cost, table.arms, arms) for table in tables]),
        figures={
            name: np.concatenate(
                [
                    _aligned(table.figures.get(name, np.full_like(table.cost, np.nan)), table.arms, arms)
                    for table in tables
                ]
            )
            for name in names
        },
        notes=tuple(dict.fromkeys(note for table in tables for note in table.notes)),
    )


def _sampled(table: OutcomeTable, share: float, seed: int) -> OutcomeTable:
    limit = share * 2**64
    keep = [
        row
        for row, task in enumerate(table.tasks)
        if int.from_bytes(hashlib.blake2b(f"{seed}/{task}".encode(), digest_size=8).digest()) < limit
    ]
    return replace(table.rows(np.array(keep, dtype=np.intp)))


def _aligned(values: np.ndarray, own: tuple[Step, ...], wanted: tuple[Step, ...]) -> np.ndarray:
    full = np.full((len(values), len(wanted)), np.nan)
    for k, arm in enumerate(own):
        full[:, wanted.index(arm)] = values[:, k]
    return full


def _added(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {
        key: one.get(key, 0.0) + other.get(key, 0.0) for key in [*one, *(k for k in other if k not in one)]
    }


def _on_ray(part: Callable[[Path], Sums], paths: Sequence[Path]) -> list[Sums]:
    try:
        import ray
    except ImportError as error:
        raise UsageError("this needs Ray", hint="pip install 'cascade-router[ray]'") from error
    remote = ray.remote(part)
    found: list[Sums] = ray.get([remote.remote(path) for path in paths])
    return found
