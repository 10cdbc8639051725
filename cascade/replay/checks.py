"""What a log says of its validators, in sums that merge: how often each set of them errs, what each one adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TypeVar

from cascade.replay.error_sums import ErrorSums
from cascade.replay.marks import Marginal, Marks
from cascade.replay.table import OutcomeTable

MOST_IN_FULL = 6
"""Up to so many validators every subset is looked at; beyond, each alone and all but one."""
MOST_UNSAID = 0.02

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckSums:
    """Error sums of all checks together, by tier, by set of validators, and each one's marginal; they add up.

    unsaid: answers by set of which it is open what the set would have said.
    """

    whole: ErrorSums = field(default_factory=ErrorSums)
    tiers: dict[str, ErrorSums] = field(default_factory=dict)
    sets: dict[Names, ErrorSums] = field(default_factory=dict)
    unsaid: dict[Names, int] = field(default_factory=dict)
    marginals: dict[str, Marginal] = field(default_factory=dict)

    @classmethod
    def of(cls, table: OutcomeTable) -> CheckSums:
        """Sum over a table, or a part of one."""
        if table.accepted is None:
            return cls()
        names, marks = tuple(table.verdicts), Marks.of(table)
        by_tier = {tier: [k for k, arm in enumerate(table.arms) if arm.tier == tier] for tier in table.tiers}
        return cls(
            whole=marks.sums(),
            tiers={tier: marks.arms(arms).sums() for tier, arms in by_tier.items()},
            sets={one: marks.sums(one) for one in sets_of(names)},
            unsaid={one: marks.unsaid(one) for one in sets_of(names)},
            marginals={name: marks.marginal(name) for name in names} if len(names) > 1 else {},
        )

    def __add__(self, other: CheckSums) -> CheckSums:
        return CheckSums(
            self.whole + other.whole,
            _added(self.tiers, other.tiers),
            _added(self.sets, other.sets),
            _added(self.unsaid, other.unsaid),
            _added(self.marginals, other.marginals),
        )

    def known(self, names: Names) -> bool:
        """Whether it is known what a set would have said, but for a few answers."""
        return self.unsaid[names] <= MOST_UNSAID * self.whole.passed.answers


K = TypeVar("K")
S = TypeVar("S", ErrorSums, Marginal, int)


def _added(one: dict[K, S], other: dict[K, S]) -> dict[K, S]:
    both = {key: sums + other[key] if key in other else sums for key, sums in one.items()}
    return both | {key: sums for key, sums in other.items() if key not in one}


def sets_of(names: Sequence[str]) -> list[Names]:
    """The sets of validators that are looked at: all, where they are few; smaller ones first."""
    every = tuple(names)
    if len(every) <= MOST_IN_FULL:
        return [one for size in range(1, len(every) + 1) for one in combinations(every, size)]
    return [*combinations(every, 1), *combinations(every, len(every) - 1), every]
