"""What is known of every task under every kind of attempt: the columns that replay and tune work on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from cascade.errors import InputError
from cascade.policy.steps import Step

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.intp]
Bools: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """What a part of a log knows of all of it. By arm, each (A,): tasks with a known outcome, the mean of these
    outcomes, mean USD (NaN where none is known).
    """

    known: Ints
    rate: Floats
    cost: Floats

    @classmethod
    def of(cls, table: OutcomeTable) -> Whole:
        """A table that is all there is."""
        places = range(len(table.arms))
        known = np.isfinite(table.outcome).sum(axis=0)
        rates, costs = ([one(k) for k in places] for one in (table.rate, table.mean_cost))
        return cls(np.asarray(known, dtype=np.intp), np.array(rates), np.array(costs))

    def columns(self, chosen: Sequence[int]) -> Whole:
        """The same of some arms only."""
        return Whole(self.known[chosen], self.rate[chosen], self.cost[chosen])


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class OutcomeTable:
    """Outcomes by task and arm; an arm is a kind of attempt (`Step`).

    tasks: ids, length n. arms: length A. outcome: (n, A), P(right) in [0, 1], NaN where not known. cost:
    (n, A) in USD, NaN where not known. figures: other numbers of the attempts by name, each (n, A), NaN
    where not known; known only after the attempt. probabilities: the classifier's P(first attempt passes),
    by tier, each (n,). notes: what the reader assumed, in words. imputed_share: share of the outcomes that were
    never tried and hold a model's expectation. whole: what is known of the log that this is a part of (None: this
    is all of it).

    accepted: (n, A), P(the checks accept the answer), 0 or 1 where logged, NaN where they could not check it;
    None where no verdict is known apart from the outcome, which then is the verdict. accepted_right: (n, A),
    P(accepted and right) where the outcome is an expectation, NaN where it is told (None: everywhere told).
    verdicts: each validator's own, 1 passed, 0 failed, NaN not known, (n, A) by name. check_seconds: its mean.
    """

    tasks: Sequence[str]
    arms: tuple[Step, ...]
    outcome: Floats
    cost: Floats
    figures: Mapping[str, Floats] = field(default_factory=dict)
    probabilities: Mapping[str, Floats] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    imputed_share: float = 0.0
    accepted: Floats | None = None
    accepted_right: Floats | None = None
    verdicts: Mapping[str, Floats] = field(default_factory=dict)
    check_seconds: Mapping[str, float] = field(default_factory=dict)
    whole: Whole | None = None

    def __len__(self) -> int:
        return len(self.tasks)

    @property
    def tiers(self) -> tuple[str, ...]:
        """Tier names, the cheapest first attempt first; where costs are not known, as they first appear."""
        names = list(dict.fromkeys(arm.tier for arm in self.arms))
        mean = {arm.tier: self.mean_cost(k) for k, arm in enumerate(self.arms) if arm.attempt == 1}
        return tuple(sorted(names, key=lambda name: (np.isnan(mean.get(name, np.nan)), mean.get(name, 0.0))))

    def mean_cost(self, arm: int) -> float:
        """Mean USD of an arm where it is known; NaN where it never is."""
        return _known_mean(self.cost[:, arm]) if self.whole is None else float(self.whole.cost[arm])

    def rate(self, arm: int) -> float:
        """Mean outcome of an arm where it is known; NaN where it never is."""
        return _known_mean(self.outcome[:, arm]) if self.whole is None else float(self.whole.rate[arm])

    def known(self, arm: int) -> int:
        """On how many tasks an arm's outcome is known."""
        here = self.outcome[:, arm]
        return int(np.isfinite(here).sum() if self.whole is None else self.whole.known[arm])

    @property
    def seen(self) -> Bools:
        """(n, A): where an attempt was made, as far as its outcome or its verdict tells."""
        told: Bools = np.isfinite(self.outcome)
        return told if self.accepted is None else told | np.isfinite(self.accepted)

    def arm(self, step: Step) -> int | None:
        """The index of an arm, or None."""
        return self.arms.index(step) if step in self.arms else None

    def first(self, tier: str) -> int:
        """A tier's first attempt, the task shown afresh if the table has that. Raises InputError without one."""
        fresh = self.arm(Step(tier))
        if fresh is not None:
            return fresh
        shown = [k for k, arm in enumerate(self.arms) if arm.tier == tier and arm.attempt == 1]
        if not shown:
            raise InputError(f"the log has no first attempt at {tier}", hint="attempts count from 1")
        return shown[0]

    def rows(self, chosen: Ints | slice) -> OutcomeTable:
        """The same table of some tasks only."""
        tasks = self.tasks[chosen] if isinstance(chosen, slice) else [self.tasks[k] for k in chosen]
        return replace(
            self,
            tasks=tasks,
            outcome=self.outcome[chosen],
            cost=self.cost[chosen],
            figures={name: values[chosen] for name, values in self.figures.items()},
            probabilities={name: values[chosen] for name, values in self.probabilities.items()},
            accepted=None if self.accepted is None else self.accepted[chosen],
            accepted_right=None if self.accepted_right is None else self.accepted_right[chosen],
            verdicts={name: values[chosen] for name, values in self.verdicts.items()},
            whole=None,
        )

    def part(self, chosen: Ints | slice) -> OutcomeTable:
        """Some tasks, as a part that knows of the whole."""
        return replace(self.rows(chosen), whole=self.whole or Whole.of(self))

    def only(self, tiers: Sequence[str]) -> OutcomeTable:
        """The same table of some tiers only."""
        keep = [k for k, arm in enumerate(self.arms) if arm.tier in tiers and arm.after in (None, *tiers)]
        return self.columns(keep)

    def columns(self, keep: Sequence[int]) -> OutcomeTable:
        """The same table of some arms only."""
        chosen = list(keep)
        return replace(
            self,
            arms=tuple(self.arms[k] for k in chosen),
            outcome=self.outcome[:, chosen],
            cost=self.cost[:, chosen],
            figures={name: values[:, chosen] for name, values in self.figures.items()},
            accepted=None if self.accepted is None else self.accepted[:, chosen],
            accepted_right=None if self.accepted_right is None else self.accepted_right[:, chosen],
            verdicts={name: values[:, chosen] for name, values in self.verdicts.items()},
            whole=None if self.whole is None else self.whole.columns(chosen),
        )

    def parts(self, size: int) -> Iterator[OutcomeTable]:
        """The table in pieces of at most `size` tasks, each a part of the whole; at least one."""
        if len(self) <= size:
            yield self
            return
        known = replace(self, whole=self.whole or Whole.of(self))
        for start in range(0, len(self), size):
            yield known.part(slice(start, start + size))


def _known_mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
