"""A declared config as a plan over a log's parts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cascade.config import Config
from cascade.replay.configured import Surroundings, configured
from cascade.replay.parts import Part
from cascade.replay.plans import Plan
from cascade.replay.read_parts import PartedLog


def configured_parts(config: Config, log: PartedLog, around: Surroundings) -> tuple[Plan, PartedLog]:
    """As `configured` for a table: the classifier is asked only if the task file has every task of every part."""
    if around.chances is not None and not all(log.parts.each(_AllIn(frozenset(around.tasks)))):
        around = replace(around, chances=None)
    plan, about = configured(config, log.about, around)
    if not about.probabilities:
        return plan, replace(log, about=about)
    return plan, PartedLog(log.parts.kept(_WithChances(config, around)), about)


@dataclass(frozen=True, slots=True)
class _AllIn:
    """Whether all of a part's tasks are known."""

    tasks: frozenset[str]

    def __call__(self, part: Part) -> bool:
        return self.tasks.issuperset(part.table.tasks)


@dataclass(frozen=True, slots=True)
class _WithChances:
    """A part with the probabilities that the config's plan will look at."""

    config: Config
    around: Surroundings

    def __call__(self, part: Part) -> Part:
        return replace(part, table=configured(self.config, part.table, self.around)[1])
