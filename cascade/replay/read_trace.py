"""Reads traces (design 5.5) as trajectories: attempts, verdicts, costs, propensities."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cascade.errors import InputError
from cascade.evidence import figure
from cascade.policy.steps import Step
from cascade.replay.episodes import Episodes
from cascade.replay.table import OutcomeTable
from cascade.trace.events import (
    AttemptFinished,
    Event,
    PolicyDecided,
    RouteDecided,
    RunStarted,
    TaskFinished,
    ValidationFinished,
)
from cascade.trace.reader import read_trace
from cascade.trace.told import Told


@dataclass(slots=True)
class _Made:
    """One attempt as the log tells it."""

    step: Step
    propensity: float
    outcome: float = float("nan")
    cost: float = float("nan")


@dataclass(slots=True)
class _Told:
    """One task of one run."""

    task: str
    made: dict[int, _Made] = field(default_factory=dict)
    chance: float = float("nan")
    probabilities: dict[str, float] = field(default_factory=dict)
    ended: bool = False
    told: Told = field(default_factory=Told)


def read_episodes(path: Path | str) -> Episodes:
    """Read a trace. Torn lines, tasks without an end and failed calls are noted; raises StorageError for a
    broken or unknown trace, InputError for one without a finished task."""
    log = read_trace(Path(path))
    told: dict[tuple[str, str], _Told] = {}
    versions: dict[str, None] = {}
    for event in log.events:
        if isinstance(event, RunStarted) and event.config_sha256:
            versions[event.config_sha256] = None
        if event.task_id is not None:
            key = (event.run_id, event.task_id)
            _tell(told.setdefault(key, _Told(event.task_id)), event)
    notes = [f"the last line is torn and left out: {log.torn.message}"] if log.torn is not None else []
    ended = [one for one in told.values() if one.ended and one.made]
    if len(told) > len(ended):
        notes.append(f"{len(told) - len(ended)} of {len(told)} tasks have no end or no attempt: left out")
    if not ended:
        raise InputError(f"{path}: the trace has no finished task", hint="replay a run that came to its end")
    return _episodes(ended, list(versions), notes)


def _tell(told: _Told, event: Event) -> None:
    told.told.hear(event)
    if isinstance(event, RouteDecided):
        told.chance = _chance(event)
        told.probabilities = dict(event.probabilities)
    elif isinstance(event, PolicyDecided):
        told.chance = _chance(event)
    elif isinstance(event, AttemptFinished):
        step = Step(event.tier, event.tier_attempt, event.after, event.history)
        cost = float("nan") if event.cost_usd is None else float(event.cost_usd)
        told.made[event.attempt] = _Made(step, told.chance, cost=cost)
    elif isinstance(event, ValidationFinished) and event.attempt in told.made:
        made = told.made[event.attempt]
        made.outcome = {"passed": 1.0, "failed": 0.0}.get(event.verdict, float("nan"))
    elif isinstance(event, TaskFinished):
        told.ended = True


def _chance(event: RouteDecided | PolicyDecided) -> float:
    return float("nan") if event.propensity is None else event.propensity


def _episodes(ended: list[_Told], versions: list[str], notes: list[str]) -> Episodes:
    steps = list(dict.fromkeys(made.step for one in ended for made in one.made.values()))
    place = {step: k for k, step in enumerate(steps)}
    shape = (len(ended), len(steps))
    outcome, cost = np.full(shape, np.nan), np.full(shape, np.nan)
    left = [one.told.evidence() for one in ended]
    names = dict.fromkeys(name for each in left for found in each.values() for name in found)
    figures = {name: np.full(shape, np.nan) for name in names if name != "cost_usd"}
    longest = max(len(one.made) for one in ended)
    arms = np.full((len(ended), longest), -1, dtype=np.intp)
    propensity = np.full((len(ended), longest), np.nan)
    for row, one in enumerate(ended):
        for turn, (number, made) in enumerate(sorted(one.made.items())):
            k = place[made.step]
            arms[row, turn], propensity[row, turn] = k, made.propensity
            outcome[row, k], cost[row, k] = made.outcome, made.cost
            for name, values in figures.items():
                values[row, k] = figure(left[row][number], name)
    table = OutcomeTable(
        tasks=[one.task for one in ended],
        arms=tuple(steps),
        outcome=outcome,
        cost=cost,
        figures=figures,
        probabilities=_probabilities(ended),
        notes=tuple(notes),
    )
    return Episodes(table=table, arms=arms, propensity=propensity, versions=versions)


def _probabilities(ended: Iterable[_Told]) -> dict[str, np.ndarray]:
    told = list(ended)
    tiers = list(dict.fromkeys(tier for one in told for tier in one.probabilities))
    return {tier: np.array([one.probabilities.get(tier, float("nan")) for one in told]) for tier in tiers}
