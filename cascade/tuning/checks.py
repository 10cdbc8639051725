"""Which validators to keep: chosen on what a family is taught, as its order of attempts is.

The set is part of what is learnt: on each search part, for each worth of a solved task, the one with which the best
fixed order of attempts is worth most. So it is judged on unseen tasks like all the rest, and a promise needs no
more tests than without it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cascade.evidence import FAILED
from cascade.policy.steps import Verifier
from cascade.replay.checks import MOST_IN_FULL, MOST_UNSAID, Names, sets_of
from cascade.replay.checks_report import ChecksReport, checks_report, rates_document
from cascade.replay.error_sums import Rates
from cascade.replay.marks import Marks
from cascade.replay.orders import SEARCH_TASKS
from cascade.replay.plans import CheckedPlan, Plan
from cascade.replay.rates import believed, learnt, on_checks
from cascade.replay.table import OutcomeTable
from cascade.replay.verdicts import unsaid_by
from cascade.tuning.families import Change, Family, Fixed, Learnt, LearntFixed, Space

_MOST_SETS = 6
"""So many sets at most are searched on every part: those whose rates no other set has at least as good."""


@dataclass(frozen=True, slots=True)
class WithChecks:
    """A family on logged verdicts: believes of the checks what was learnt, and chooses among sets of validators.

    offered: the sets that may be chosen; none: the checks as they were logged. searched: shared with other
    families, so that every part's orders are searched once.
    """

    family: Family
    offered: tuple[Names, ...] = ()
    searched: dict[int, list[_Set]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """See `Family`."""
        return self.family.name

    @property
    def change(self) -> Change:
        """See `Family`."""
        return self.family.change

    def learn(self, table: OutcomeTable, space: Space) -> Learnt:
        """See `Family`."""
        if not self.offered:
            return self.family.learn(table, replace(space, verifier=believed(table)))
        key = hash((len(table), tuple(table.tasks)))
        if key not in self.searched:
            self.searched[key] = _search(table, space, self.offered)
        sets = self.searched[key]
        if isinstance(self.family, Fixed):
            return _LearntSets(tuple(sets), {one.names: one.orders for one in sets})
        once = self.family.learn(table, space)
        under = {
            one.names: once.under(one.orders.verifier, unseen=_silenced(table, one.names)) for one in sets
        }
        return _LearntSets(tuple(sets), under)


@dataclass(frozen=True, slots=True)
class _Set:
    """A set of validators with the orders of attempts under it. seconds: a check takes in all, where known."""

    names: Names
    orders: LearntFixed
    seconds: float


@dataclass(frozen=True, slots=True)
class _LearntSets:
    sets: tuple[_Set, ...]
    learnt: dict[Names, Learnt]

    def plan(self, value_usd: float) -> Plan:
        """See `Learnt`: under the set that is worth most, between equals the smaller and quicker one."""
        best = max(
            self.sets,
            key=lambda one: (one.orders.worth(value_usd), -len(one.names), -one.seconds),
        )
        return CheckedPlan(self.learnt[best.names].plan(value_usd), best.names)

    def under(self, verifier: Verifier, *, unseen: Collection[str] = ()) -> Learnt:
        """See `Learnt`."""
        learnt = {names: one.under(verifier, unseen=unseen) for names, one in self.learnt.items()}
        return replace(self, learnt=learnt)


def _silenced(table: OutcomeTable, names: Names) -> set[str]:
    """That another validator failed: what does not run is no evidence, and in a run not failing would be some."""
    return {f"{FAILED}{name}" for name in table.verdicts if name not in names}


def with_checks(
    families: Sequence[Family], table: OutcomeTable
) -> tuple[tuple[Family, ...], tuple[str, ...]]:
    """The families as they search a table with verdicts, and what is to be said of its validators."""
    if table.accepted is None:
        blind = "no ground truth is logged, so that false rejections cannot be seen: no validator is left out"
        return tuple(families), (blind,) if len(table.verdicts) > 1 else ()
    offered = offered_sets(table)
    searched: dict[int, list[_Set]] = {}
    notes = () if len(table.verdicts) < 2 or len(offered) > 1 else (_STOPPED,)
    return tuple(WithChecks(family, offered, searched) for family in families), notes


_STOPPED = (
    "the checks stopped at the first failure, so that no smaller set of validators can be judged: log with "
    "`checks: {stop_early: false}`"
)


def offered_sets(table: OutcomeTable) -> tuple[Names, ...]:
    """The sets that the log can say of what they would have done; beyond six validators those met by leaving out
    one after the other, each time the one whose loss costs least.
    """
    names = tuple(table.verdicts)
    if not names:
        return ()
    checked = int(np.isfinite(table.accepted).sum()) if table.accepted is not None else 0

    def known(one: Names) -> bool:
        return marks.unsaid(one) <= MOST_UNSAID * checked

    marks = Marks.of(table)
    sets = sets_of(names) if len(names) <= MOST_IN_FULL else _greedy(marks, names)
    return tuple(one for one in sets if known(one))


def _greedy(marks: Marks, names: Names) -> list[Names]:
    found = [names]
    while len(found[-1]) > 1:
        smaller = [tuple(other for other in found[-1] if other != name) for name in found[-1]]
        found.append(max(smaller, key=lambda one: sum(_point(marks, one))))
    return found


def _point(marks: Marks, names: Names) -> tuple[float, float]:
    """The shares of right answers accepted and of wrong ones rejected."""
    rates = marks.sums(names).rates
    if rates is None:
        return 1.0, 1.0
    right, wrong = rates.accepts_right, rates.rejects_wrong
    return right.share if right.n else 1.0, wrong.share if wrong.n else 1.0


def _search(table: OutcomeTable, space: Space, offered: Sequence[Names]) -> list[_Set]:
    """The sets worth a search of all orders, with it."""
    thin = table
    if len(table) > SEARCH_TASKS:
        thin = table.rows(np.arange(0, len(table), len(table) // SEARCH_TASKS + 1))
    found = []
    for names in _best(thin, offered):
        checked = on_checks(table.rows(np.flatnonzero(~unsaid_by(table, names).any(axis=1))), names)
        fixed = Fixed().learn(checked, replace(space, verifier=believed(checked)))
        seconds = sum(table.check_seconds.get(name, 0.0) for name in names)
        found.append(_Set(names, fixed, seconds))
    return found


def _best(table: OutcomeTable, offered: Sequence[Names]) -> list[Names]:
    """Sets whose rates no other's are at least as good as, the smaller one of equals; at most six."""
    marks = Marks.of(table)
    points = {names: _point(marks, names) for names in offered}
    front: list[Names] = []
    for names in sorted(offered, key=lambda one: (-points[one][0], -points[one][1], len(one))):
        if not front or points[names][1] > max(points[one][1] for one in front):
            front.append(names)
    kept = sorted(front, key=lambda one: -sum(points[one]))[:_MOST_SETS]
    return [one for one in front if one in kept]


@dataclass(frozen=True, slots=True)
class ChosenChecks:
    """The validators of a choice and what was learnt of them, and of all as they were logged.

    kept, dropped: by name; both empty where the log does not tell validators apart.
    """

    kept: Names
    dropped: Names
    rates: Rates
    report: ChecksReport

    def words(self) -> list[str]:
        """What the checks are worth, which validators pay, and what was chosen."""
        found = self.report.words()
        if self.dropped:
            found.append(f"chosen: check with {', '.join(self.kept)}, leave out {', '.join(self.dropped)}")
        elif self.kept:
            found.append(f"chosen: check with all of {', '.join(self.kept)}")
        return found

    def document(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "validators": list(self.kept),
            "left_out": list(self.dropped),
            "used": rates_document(self.rates),
            **self.report.document(),
        }


def learnt_checks(table: OutcomeTable, plan: Plan) -> ChosenChecks | None:
    """What a table says of the checks that a plan is played with; None where it holds no verdict beside a truth."""
    kept = plan.validators if isinstance(plan, CheckedPlan) else ()
    rates = learnt(table, kept or None)
    report = checks_report(table)
    if rates is None or report is None:
        return None
    dropped = tuple(name for name in table.verdicts if name not in kept) if kept else ()
    return ChosenChecks(kept, dropped, rates, report)
