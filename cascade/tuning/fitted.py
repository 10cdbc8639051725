"""The part of a log that can be searched, and its shares for searching, choosing and reporting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import TypeAlias

import numpy as np

from cascade.errors import InputError, SupportError, listed
from cascade.policy.steps import Step
from cascade.replay.draws import uniform
from cascade.replay.parts import Part, Parts, Sample, merged
from cascade.replay.prepare import Gaps, canonical, offered, whole_tasks, without_price
from cascade.replay.read_parts import PartedLog
from cascade.replay.table import OutcomeTable
from cascade.tuning.families import Space

LEAST_TASKS = 30

Share: TypeAlias = tuple[float, float]
"""From and up to which draw of a task's id, in [0, 1]."""
SEARCH: Share = (0.0, 0.4)
CHOOSE: Share = (0.4, 0.7)
REPORT: Share = (0.7, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class FittedLog:
    """Complete and priced tasks in parts. about: a part without tasks."""

    parts: Parts[Part]
    about: OutcomeTable
    tasks: int

    def table(self) -> OutcomeTable:
        """All parts as one table, in the order of task ids."""
        table = merged(list(self.parts.each(_table)))
        return table.rows(np.argsort(np.array(table.tasks), kind="stable"))

    def sample(self, share: Share, most: int, seed: int) -> tuple[OutcomeTable, int]:
        """Of a share's tasks those with the lowest keys, in their order, and how many it has in all."""
        sample, count = Sample(most), 0
        for table, size in self.parts.each(_Lowest(share, most, seed)):
            sample.add(table)
            count += size
        return sample.drawn(), count

    def share(self, share: Share, seed: int) -> Parts[Part]:
        """A share's tasks, left where they are."""
        return self.parts.kept(_Drawn(share, seed))


def fitted(log: PartedLog, space: Space) -> FittedLog:
    """What can be searched of a log, with what was left out in its notes.

    With a verifier that errs, later attempts of a tier are left out: the log has them only where the first
    was truly wrong. Raises InputError for a log without costs or with one tier, SupportError for one with too
    few tasks (30) or too many gaps.
    """
    about = log.about
    unpriced = without_price(about)
    notes = [f"{', '.join(unpriced)}: no cost known, left out"] if unpriced else []
    kept = [tier for tier in about.tiers if tier not in unpriced]
    about = replace(about.only(kept), notes=(*about.notes, *notes))
    _priced(about)
    gaps = reduce(add, log.parts.each(_CountGaps(about.arms)))
    _enough(gaps.tasks, kept)
    keep, told = offered(about, gaps)
    if not space.verifier.perfect:
        keep = [about.first(tier) for tier in kept]
    if gaps.solved == gaps.whole:
        told = (*told, "every tier is right on every task in this log")
    arms = canonical([about.arms[k] for k in keep])
    job = _Fit(about.arms, arms, told)
    return FittedLog(log.parts.kept(job), _narrowed(about, arms, told), gaps.whole)


def size(parts: Parts[Part]) -> int:
    """Tasks in all parts."""
    return sum(parts.each(_size))


def _enough(tasks: int, tiers: Sequence[str]) -> None:
    if tasks < LEAST_TASKS:
        raise SupportError(
            f"{tasks} tasks are too few to tune on: at least {LEAST_TASKS} are needed",
            hint="a rate over 30 tasks still carries about 18 points either way; log more",
        )
    if not tiers:
        raise InputError("the log has no costs", hint="add cost_usd, or give --cost TIER=USD for each tier")
    if len(tiers) < 2:
        raise InputError(
            f"the log has one tier with costs ({listed(tiers)}): there is nothing to choose between",
            hint="log a second tier on the same tasks; for a price that is missing, --cost TIER=USD",
        )


def _priced(about: OutcomeTable) -> None:
    if len(about.arms) and all(about.mean_cost(k) == 0 for k in range(len(about.arms))):
        raise InputError(
            "every cost in the log is 0: there is nothing to weigh success against",
            hint="give what an attempt costs: --cost TIER=USD for each tier",
        )


def _narrowed(table: OutcomeTable, arms: Sequence[Step], notes: tuple[str, ...]) -> OutcomeTable:
    """The same with these arms, and figures in the order of their names."""
    places = [k for step in arms if (k := table.arm(step)) is not None]
    figures = {name: table.figures[name] for name in sorted(table.figures)}
    return replace(table, figures=figures, notes=notes).columns(places)


def _table(part: Part) -> OutcomeTable:
    return part.table


def _size(part: Part) -> int:
    return len(part.table)


@dataclass(frozen=True, slots=True)
class _CountGaps:
    arms: tuple[Step, ...]

    def __call__(self, part: Part) -> Gaps:
        return Gaps.of(_narrowed(part.table, self.arms, ()))


@dataclass(frozen=True, slots=True)
class _Fit:
    """A part's complete tasks with the arms that are offered."""

    priced: tuple[Step, ...]
    arms: tuple[Step, ...]
    notes: tuple[str, ...]

    def __call__(self, part: Part) -> Part:
        part = part.rows(whole_tasks(_narrowed(part.table, self.priced, ())))
        return replace(part, table=_narrowed(part.table, self.arms, self.notes))


@dataclass(frozen=True, slots=True)
class _Drawn:
    share: Share
    seed: int

    def __call__(self, part: Part) -> Part:
        low, high = self.share
        draw = uniform(part.keys, self.seed)
        return part.rows((draw >= low) & (draw < high))


@dataclass(frozen=True, slots=True)
class _Lowest:
    share: Share
    most: int
    seed: int

    def __call__(self, part: Part) -> tuple[OutcomeTable, int]:
        drawn = _Drawn(self.share, self.seed)(part)
        return drawn.lowest(self.most), len(drawn.table)
