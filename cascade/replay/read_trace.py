"""Reads traces (design 5.5) as trajectories: attempts, verdicts, costs, propensities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cascade.errors import InputError
from cascade.evidence import figure
from cascade.policy.steps import Step
from cascade.replay.episodes import Episodes
from cascade.replay.sample import sample_of
from cascade.replay.table import Floats, Ints, OutcomeTable
from cascade.replay.verdicts import Said, truth_apart
from cascade.trace.events import (
    AttemptFinished,
    Event,
    PolicyDecided,
    RouteDecided,
    RunStarted,
    TaskFinished,
    ValidationFinished,
)
from cascade.trace.labels import Key, Label, truths
from cascade.trace.outcomes import FORM
from cascade.trace.reader import read_trace
from cascade.trace.told import Told

_STATUS = {"passed": 1.0, "failed": 0.0}


@dataclass(slots=True)
class _Made:
    """One attempt as the log tells it."""

    step: Step
    propensity: float
    verdict: float = float("nan")
    truth: float = float("nan")
    cost: float = float("nan")
    said: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def verdict_of(self, name: str) -> float:
        """A validator's verdict, NaN if it gave none; an answer whose form is wrong fails them all."""
        misshapen = any(self.said.get(form) == 0 for form in FORM)
        return 0.0 if misshapen else self.said.get(name, float("nan"))


@dataclass(slots=True)
class _Told:
    """One task of one run. made: attempts that decisions led to; beside: those of its shadow."""

    task: str
    made: dict[int, _Made] = field(default_factory=dict)
    beside: dict[int, _Made] = field(default_factory=dict)
    chance: float = float("nan")
    probabilities: dict[str, float] = field(default_factory=dict)
    ended: bool = False
    told: Told = field(default_factory=Told)

    @property
    def all(self) -> dict[int, _Made]:
        """Every attempt, whoever made it."""
        return {**self.made, **self.beside}


def read_episodes(path: Path | str, *, labels: Sequence[Label] = ()) -> Episodes:
    """Read a trace, with the ground truth that is labelled in it or in `labels`.

    Torn lines, tasks without an end and failed calls are noted. Raises StorageError for a broken or unknown trace,
    InputError for one without a finished task or for a label that fits no answer.
    """
    log = read_trace(Path(path))
    truth = truths(log.events, labels)
    told: dict[tuple[str, str], _Told] = {}
    versions: dict[str, None] = {}
    for number, event in zip(log.lines, log.events, strict=True):
        if isinstance(event, RunStarted) and event.config_sha256:
            versions[event.config_sha256] = None
        if event.task_id is not None:
            key = (event.run_id, event.task_id)
            one = told.setdefault(key, _Told(event.task_id))
            _told_once(one, event, f"{path}:{number}")
            _tell(one, event)
    _label(told, truth)
    notes = [f"the last line is torn and left out: {log.torn.message}"] if log.torn is not None else []
    ended = [one for one in told.values() if one.ended and (one.made or one.told.sampled)]
    if len(told) > len(ended):
        notes.append(f"{len(told) - len(ended)} of {len(told)} tasks have no end or no attempt: left out")
    if not ended:
        raise InputError(f"{path}: the trace has no finished task", hint="replay a run that came to its end")
    return _with_an_outcome(_episodes(ended, list(versions), notes), path)


def _with_an_outcome(found: Episodes, path: Path | str) -> Episodes:
    if not found.table.seen.any():
        raise InputError(
            f"{path}: no answer in the trace was checked: there is no outcome to learn from or to replay",
            hint="log runs whose validators could run; `cascade report` says why answers were not checked",
        )
    return found


def _told_once(told: _Told, event: Event, where: str) -> None:
    if isinstance(event, AttemptFinished) and event.attempt in told.all:
        raise InputError(
            f"{where}: attempt {event.attempt} of task {event.task_id!r} is in the trace twice",
            hint="were two copies of a trace joined? keep each line once",
        )


def _tell(told: _Told, event: Event) -> None:
    told.told.hear(event)
    whose = told.beside if getattr(event, "shadow", False) else told.made
    if isinstance(event, RouteDecided):
        told.chance = _chance(event)
        told.probabilities = dict(event.probabilities)
    elif isinstance(event, PolicyDecided):
        told.chance = _chance(event)
    elif isinstance(event, AttemptFinished):
        step = Step(event.tier, event.tier_attempt, event.after, event.history)
        cost = float("nan") if event.cost_usd is None else float(event.cost_usd)
        whose[event.attempt] = _Made(step, told.chance, cost=cost)
    elif isinstance(event, ValidationFinished) and event.attempt in whose:
        _check(whose[event.attempt], event)
    elif isinstance(event, TaskFinished):
        told.ended = True


def _chance(event: RouteDecided | PolicyDecided) -> float:
    return float("nan") if event.propensity is None else event.propensity


def _check(made: _Made, event: ValidationFinished) -> None:
    """What a check found, on top of what an earlier one found of the same answer; what was skipped let it pass."""
    made.verdict = _STATUS.get(event.verdict, float("nan"))
    made.said |= dict.fromkeys(event.skipped, 1.0)
    for one in event.validators:
        made.said[one.name] = _STATUS.get(one.status, float("nan"))
        made.seconds[one.name] = one.latency_s


def _label(told: dict[tuple[str, str], _Told], truth: Mapping[Key, float]) -> None:
    for (run_id, task_id, attempt), outcome in truth.items():
        one = told.get((run_id, task_id))
        if one is not None and attempt in one.all:
            one.all[attempt].truth = outcome


def _episodes(ended: list[_Told], versions: list[str], notes: list[str]) -> Episodes:
    steps = list(dict.fromkeys(made.step for one in ended for made in one.all.values()))
    place = {step: k for k, step in enumerate(steps)}
    truth, verdict, cost = (np.full((len(ended), len(steps)), np.nan) for _ in range(3))
    for row, one in enumerate(ended):
        for made in one.all.values():
            k = place[made.step]
            truth[row, k], verdict[row, k], cost[row, k] = made.truth, made.verdict, made.cost
    sample, more = sample_of([one.told.drawn for one in ended])
    table = OutcomeTable(
        tasks=[one.task for one in ended],
        arms=tuple(steps),
        outcome=truth,
        cost=cost,
        figures=_figures(ended, place),
        probabilities=_probabilities(ended),
        notes=(*notes, *more),
    )
    said = Said(verdict, _said(ended, place), _seconds(ended))
    table = truth_apart(said.on(table))
    arms, propensity = _taken(ended, place)
    return Episodes(table=table, arms=arms, propensity=propensity, versions=versions, sample=sample)


def _taken(ended: list[_Told], place: Mapping[Step, int]) -> tuple[Ints, Floats]:
    """The arms that each task's decisions led to, in order, and by what chance."""
    shape = (len(ended), max(len(one.made) for one in ended))
    arms, propensity = np.full(shape, -1, dtype=np.intp), np.full(shape, np.nan)
    for row, one in enumerate(ended):
        for turn, (_, made) in enumerate(sorted(one.made.items())):
            arms[row, turn], propensity[row, turn] = place[made.step], made.propensity
    return arms, propensity


def _figures(ended: list[_Told], place: Mapping[Step, int]) -> dict[str, Floats]:
    """What attempts left behind, by name; their cost stands by itself."""
    left = [one.told.evidence() for one in ended]
    names = dict.fromkeys(name for each in left for found in each.values() for name in found)
    figures = {name: np.full((len(ended), len(place)), np.nan) for name in names if name != "cost_usd"}
    for row, one in enumerate(ended):
        for number, made in one.all.items():
            for name, values in figures.items():
                values[row, place[made.step]] = figure(left[row][number], name)
    return figures


def _said(ended: list[_Told], place: Mapping[Step, int]) -> dict[str, Floats]:
    """Each validator's verdicts."""
    names = dict.fromkeys(name for one in ended for made in one.all.values() for name in made.said)
    found = {name: np.full((len(ended), len(place)), np.nan) for name in names if name not in FORM}
    for row, one in enumerate(ended):
        for made in one.all.values():
            for name, values in found.items():
                values[row, place[made.step]] = made.verdict_of(name)
    return found


def _seconds(ended: list[_Told]) -> dict[str, float]:
    times: dict[str, list[float]] = {}
    for one in ended:
        for made in one.all.values():
            for name, seconds in made.seconds.items():
                times.setdefault(name, []).append(seconds)
    return {name: sum(values) / len(values) for name, values in times.items() if name not in FORM}


def _probabilities(ended: Iterable[_Told]) -> dict[str, np.ndarray]:
    told = list(ended)
    tiers = list(dict.fromkeys(tier for one in told for tier in one.probabilities))
    return {tier: np.array([one.probabilities.get(tier, float("nan")) for one in told]) for tier in tiers}
