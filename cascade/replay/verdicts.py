"""What the checks said, apart from what is true: joined to a table, as a whole and by validator.

The set of validators whose verdicts are played can be changed as far as they were logged: an answer is rejected
by a set if one of its members rejected it, ends the task if none did. A member that did not run because another
one had failed before it leaves open what the set would have said.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from cascade.errors import InputError
from cascade.replay.columns import LATENCY, VERDICT, VERDICT_HINT, Columns
from cascade.replay.lines import place
from cascade.replay.table import Bools, Floats, OutcomeTable

ONLY_VERDICTS = (
    "no ground truth is logged: the verdict stands for it, and where checks err cannot be seen (see --truth)"
)


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """Verdicts of any one shape: 1 passed, 0 failed, NaN neither. whole: of all checks together."""

    whole: Floats
    by_name: Mapping[str, Floats] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, columns: Columns, source: str) -> Said | None:
        """The verdict columns of a table that is being read; None if it has none.

        Raises InputError with its line for what is no verdict.
        """
        given = {name: columns.column(name) for name in columns.numbers if is_said(name, verdicts=True)}
        if not given:
            return None
        for name, values in given.items():
            _need_verdicts(name, values, source)
        whole = given.pop(VERDICT, None)
        by_name = {name.partition(":")[2]: values for name, values in given.items()}
        for name, values in by_name.items():
            _need_one_meaning(name, values, whole, source)
        seconds = {
            name.removeprefix(LATENCY): float(np.nanmean(columns.column(name)))
            for name in columns.numbers
            if name.startswith(LATENCY) and columns.holds_numbers(name)
        }
        return cls(together(by_name) if whole is None else whole, by_name, seconds)

    def pivoted(self, pivot: Callable[[np.ndarray], np.ndarray]) -> Said:
        """The same, by task and arm."""
        by_name = {name: pivot(values) for name, values in self.by_name.items()}
        return Said(pivot(self.whole), by_name, self.seconds)

    def on(self, table: OutcomeTable) -> OutcomeTable:
        """The table with these verdicts beside its outcomes."""
        return replace(table, accepted=self.whole, verdicts=self.by_name, check_seconds=self.seconds)


def is_said(name: str, *, verdicts: bool = False) -> bool:
    """Whether a column is what the checks said or took (only said), and no figure that an attempt leaves behind."""
    return name == VERDICT or name.startswith(f"{VERDICT}:") or (not verdicts and name.startswith(LATENCY))


def _need_verdicts(name: str, values: Floats, source: str) -> None:
    wrong = np.flatnonzero((np.isfinite(values) & (values != 0) & (values != 1)) | np.isinf(values))
    if wrong.size:
        raise InputError(f"{place(source, int(wrong[0]))}: {name} is {values[wrong[0]]:g}", hint=VERDICT_HINT)


def _need_one_meaning(name: str, values: Floats, whole: Floats | None, source: str) -> None:
    """All checks together pass only what each of them lets pass."""
    if not name:
        raise InputError(
            f"{source}:1: a column verdict: without a name", hint="verdict:NAME, as in verdict:pytest"
        )
    against = np.flatnonzero((values == 0) & (whole == 1)) if whole is not None else np.empty(0, np.intp)
    if against.size:
        raise InputError(
            f"{place(source, int(against[0]))}: verdict is 1 although verdict:{name} is 0",
            hint="a verdict is failed if any validator failed; leave out columns of checks that only advise",
        )


@dataclass(frozen=True, slots=True)
class Known:
    """How many answers were checked, how many have a truth, and how many both."""

    checked: int = 0
    told: int = 0
    both: int = 0

    @classmethod
    def of(cls, table: OutcomeTable) -> Known:
        """Count."""
        if table.accepted is None:
            return cls(told=int(np.isfinite(table.outcome).sum()))
        checked, told = np.isfinite(table.accepted), np.isfinite(table.outcome)
        return cls(int(checked.sum()), int(told.sum()), int((checked & told).sum()))

    def __add__(self, other: Known) -> Known:
        return Known(self.checked + other.checked, self.told + other.told, self.both + other.both)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know of them."""
        if not self.checked:
            return ("no verdict is logged: the checks are taken never to err",)
        if not self.told:
            return (ONLY_VERDICTS,)
        found = []
        if self.both < self.checked:
            found.append(f"the truth is known for {self.both} of {self.checked} answers that were checked")
        if self.both < self.told:
            found.append(
                f"{self.told - self.both} answers could not be checked: they are given back as they are"
            )
        return tuple(found)


def truth_apart(table: OutcomeTable, known: Known | None = None) -> OutcomeTable:
    """The table as it is played: where no truth at all is known, its verdicts stand for it, and it says so.

    known: counts over the whole log, where the table is a part of it.
    """
    accepted = table.accepted
    if accepted is None:
        return table
    counts = known or Known.of(table)
    table = replace(table, notes=(*table.notes, *counts.notes))
    if not counts.checked:
        return replace(table, accepted=None, verdicts={})
    return table if counts.told else replace(table, outcome=accepted, accepted=None)


def without_verdicts(table: OutcomeTable) -> OutcomeTable:
    """The table with its outcomes alone."""
    return replace(table, accepted=None, accepted_right=None, verdicts={})


def together(verdicts: Mapping[str, Floats]) -> Floats:
    """The verdict of validators taken together: 0 if any failed, else 1 if any passed, else NaN."""
    stacked = np.stack(list(verdicts.values()))
    failed, passed = (stacked == 0).any(axis=0), (stacked == 1).any(axis=0)
    return np.where(failed, 0.0, np.where(passed, 1.0, np.nan))


def narrowed(table: OutcomeTable, names: Collection[str]) -> OutcomeTable:
    """The table on the verdicts of some validators only.

    Where it is open what they would have said, the outcome and the verdict are not known. That one of the others
    failed is no figure any more; counts of findings keep theirs. Raises ValueError for a validator without
    verdicts in the table, or for none at all.
    """
    missing = [name for name in names if name not in table.verdicts]
    if missing or not names:
        raise ValueError(f"the table has no verdicts of {', '.join(missing) or 'no validators'}")
    whole = together({name: table.verdicts[name] for name in names})
    unsaid = unsaid_by(table, names)
    others = {f"failed_{name}" for name in table.verdicts if name not in names}
    table = replace(table, figures={n: values for n, values in table.figures.items() if n not in others})
    if table.accepted is None:
        return replace(table, outcome=np.where(unsaid, np.nan, whole))
    outcome = np.where(unsaid, np.nan, table.outcome)
    return replace(table, outcome=outcome, accepted=np.where(unsaid, np.nan, whole))


def whole_verdict(table: OutcomeTable) -> Floats:
    """What all checks together said, whether or not the truth is known besides."""
    return table.outcome if table.accepted is None else table.accepted


def unsaid_by(table: OutcomeTable, names: Collection[str]) -> Bools:
    """(n, A): where a validator of the set has no verdict, none of the set failed, and a check outside it did."""
    open_, failed = np.zeros(table.outcome.shape, dtype=bool), np.zeros(table.outcome.shape, dtype=bool)
    for name in names:
        open_ |= np.isnan(table.verdicts[name])
        failed |= table.verdicts[name] == 0
    unsaid: Bools = open_ & ~failed & (whole_verdict(table) == 0)
    return unsaid
