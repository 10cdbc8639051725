"""What a log of decisions holds: for each task the attempts that were made, and by what chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cascade.replay.sample import Sample
from cascade.replay.table import Floats, Ints, OutcomeTable


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Episodes:
    """Trajectories, padded to the longest.

    table: what was seen, one row a task, NaN for arms that were not tried; what shadows saw is in it too. arms:
    (n, L), the arm of each attempt, -1 past the end. propensity: (n, L), the chance with which it was chosen given
    what came before, NaN where the log does not say. versions: config digests seen. sample: who was drawn for
    shadows; tasks without an attempt of their own are there for its sake.
    """

    table: OutcomeTable
    arms: Ints
    propensity: Floats
    versions: Sequence[str] = ()
    sample: Sample | None = None

    def __len__(self) -> int:
        return len(self.table)

    def rows(self, chosen: Ints) -> Episodes:
        """The trajectories of some tasks only."""
        sample = self.sample and replace(self.sample, rows=self.sample.rows[chosen])
        return replace(
            self,
            table=self.table.rows(chosen),
            arms=self.arms[chosen],
            propensity=self.propensity[chosen],
            sample=sample,
        )
