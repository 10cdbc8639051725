"""A plan that is told by a classifier before a task's first attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cascade.replay.plans import Walk
from cascade.replay.table import OutcomeTable
from cascade.replay.value_plan import ValuePlan

if TYPE_CHECKING:
    from cascade.tuning.texts import Router


@dataclass(frozen=True, slots=True, eq=False)
class RoutedPlan:
    """An expected-value plan, and the classifier that it is told by."""

    plan: ValuePlan
    router: Router

    @property
    def name(self) -> str:
        """See `Plan`."""
        return self.plan.name

    def walk(self, table: OutcomeTable) -> Walk:
        """See `Plan`. The table's tasks are among those whose texts the classifier has."""
        return self.plan.walk(self.router.sees(table))
