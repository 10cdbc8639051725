"""Puts a log together from its partitions: the same arms, figures, prices and notes in each, as of one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cascade.errors import InputError
from cascade.policy.steps import Step
from cascade.replay.draws import Keys
from cascade.replay.exact import rounded
from cascade.replay.parts import Part, Parts
from cascade.replay.pieces import ArmFacts, Facts, Piece, facts_of, read_piece, sorted_keys
from cascade.replay.prepare import canonical, mean_note, priced
from cascade.replay.read_table import CUT_NOTE, STAGES_NOTE, blank_note
from cascade.replay.table import OutcomeTable, Whole
from cascade.replay.verdicts import Known, Said, is_said, truth_apart


@dataclass(frozen=True, slots=True, eq=False)
class PartedLog:
    """A log in parts, priced. about: a part of it without tasks, which has its arms, notes and means."""

    parts: Parts[Part]
    about: OutcomeTable


def read_parts(sources: Parts[Path], flat: Mapping[str, float] | None = None) -> PartedLog:
    """Read partitions, which together are one outcome table; `flat` as for `priced`.

    Every task's rows stand in one of them. Raises InputError for different columns, for a task in two
    partitions, for stages in different orders and for what `read_table` refuses; names the file.
    """
    pieces = sources.kept(read_piece)
    facts = list(pieces.each(facts_of))
    _same_columns(facts)
    _same_stages(facts)
    if sum(one.tasks > 0 for one in facts) > 1:
        _tasks_apart(pieces, facts)
    known = sum((one.known for one in facts), Known())
    arms = _arms(facts, known)
    about = _priced_about(_about(facts, arms, known), arms, dict(flat or {}))
    return PartedLog(pieces.kept(_Aligned(about, dict(flat or {}), known)), about)


@dataclass(frozen=True, slots=True)
class _Aligned:
    """A piece as a part of the log."""

    about: OutcomeTable
    flat: Mapping[str, float]
    known: Known

    def __call__(self, piece: Piece) -> Part:
        if piece.table is None:
            return Part.of(self.about)
        table = priced(aligned(truth_apart(piece.table, self.known), self.about), self.flat)
        return Part(replace(table, notes=self.about.notes), piece.keys)


def aligned(table: OutcomeTable, about: OutcomeTable) -> OutcomeTable:
    """A table with the arms and figures of the log; NaN where it has none."""
    places = [table.arm(step) for step in about.arms]
    blank = np.full((len(table), len(table.arms)), np.nan)

    def placed(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else _columns(values, places)

    return replace(
        table,
        arms=about.arms,
        outcome=_columns(table.outcome, places),
        cost=_columns(table.cost, places),
        accepted=placed(table.accepted),
        accepted_right=placed(table.accepted_right),
        figures={name: _columns(table.figures.get(name, blank), places) for name in about.figures},
        verdicts={name: _columns(table.verdicts.get(name, blank), places) for name in about.verdicts},
        check_seconds=about.check_seconds,
        notes=about.notes,
        whole=about.whole,
    )


def _columns(values: np.ndarray, places: Sequence[int | None]) -> np.ndarray:
    if list(places) == list(range(values.shape[1])):
        return values
    missing = np.full(len(values), np.nan)
    return np.stack([missing if place is None else values[:, place] for place in places], axis=1)


def _arms(facts: Sequence[Facts], known: Known) -> dict[Step, ArmFacts]:
    """Every arm's facts: by the truth, or by what the checks said where no truth is known at all."""
    found: dict[Step, ArmFacts] = {}
    for one in facts:
        arms = one.arms if known.told else one.passed
        found |= {step: found.get(step, ArmFacts()) + arm for step, arm in arms.items()}
    if not any(arm.known for arm in found.values()):
        many = f" and {len(facts) - 1} more" if len(facts) > 1 else ""
        rows = "no row has an outcome" if found else "the table has a header and no rows"
        raise InputError(f"{facts[0].path}{many}: {rows}", hint="log runs whose answers were checked")
    return {step: found[step] for step in canonical(list(found))}


def _about(facts: Sequence[Facts], arms: Mapping[Step, ArmFacts], counts: Known) -> OutcomeTable:
    empty = np.empty((0, len(arms)))
    means = np.array([(arm.known, arm.rate, arm.cost) for arm in arms.values()]).T
    checked = any(is_said(name, verdicts=True) for name in facts[0].columns)
    about = OutcomeTable(
        tasks=[],
        arms=tuple(arms),
        outcome=empty,
        cost=empty,
        figures=dict.fromkeys(_figures(facts), empty),
        notes=tuple(_notes(facts, checked=checked)),
        whole=Whole(means[0].astype(np.intp), means[1], means[2]),
    )
    return truth_apart(_said(facts, empty).on(about), counts) if checked else about


def _figures(facts: Sequence[Facts]) -> list[str]:
    """The columns that are figures in some part and spoilt in none."""
    spoilt = {name for one in facts for name in (*one.words, *one.negative)}
    return sorted({name for one in facts for name in one.figures} - spoilt)


def _notes(facts: Sequence[Facts], *, checked: bool) -> list[str]:
    """What the reader assumed. checked: verdicts stand beside the outcomes."""
    words = dict.fromkeys(name for one in facts for name in one.words)
    notes = [f"column {name} is left out: it does not hold numbers" for name in words]
    notes += blank_note(0 if checked else sum(one.unchecked for one in facts))
    notes += [STAGES_NOTE] if any(one.stages for one in facts) else []
    return [*notes, *(f"{one.path}: {CUT_NOTE}" for one in facts if one.cut)]


def _said(facts: Sequence[Facts], empty: np.ndarray) -> Said:
    """The verdicts' names and mean seconds."""
    names = dict.fromkeys(name for one in facts for name in one.verdicts)
    seconds = {}
    for name in dict.fromkeys(name for one in facts for name in one.seconds):
        timed = [one.seconds[name] for one in facts if name in one.seconds]
        seconds[name] = rounded(sum(total for _, total in timed)) / sum(count for count, _ in timed)
    return Said(empty, dict.fromkeys(names, empty), seconds)


def _priced_about(
    about: OutcomeTable, arms: Mapping[Step, ArmFacts], flat: Mapping[str, float]
) -> OutcomeTable:
    """With flat prices for means, and a note wherever a mean fills blanks."""
    about = priced(about, flat)
    assert about.whole is not None
    gaps = [(step, arm) for step, arm in arms.items() if arm.blank and arm.priced and step.tier not in flat]
    notes = [mean_note(arm.blank, step, arm.cost) for step, arm in gaps]
    cost = np.array(
        [flat.get(step.tier, mean) for step, mean in zip(about.arms, about.whole.cost, strict=True)]
    )
    return replace(about, notes=(*about.notes, *notes), whole=replace(about.whole, cost=cost))


def _same_columns(facts: Sequence[Facts]) -> None:
    first = facts[0]
    for one in facts:
        odd = sorted(one.columns ^ first.columns)
        if odd:
            has, lacks = (one, first) if odd[0] in one.columns else (first, one)
            raise InputError(
                f"{has.path} has the column {odd[0]}, and {lacks.path} has not: these are not parts of one log",
                hint="write all partitions with the same columns; leave blank what is not known",
            )


def _same_stages(facts: Sequence[Facts]) -> None:
    """Stages count by their first appearance, which every part has to agree on."""
    longest = max(facts, key=lambda one: len(one.stages))
    for one in facts:
        if one.stages != longest.stages[: len(one.stages)]:
            raise InputError(
                f"{one.path}: its stages come as {', '.join(one.stages)}, and those of {longest.path} as "
                f"{', '.join(longest.stages)}",
                hint="add an `attempt` column that counts from 1, or write every task's stages in turn",
            )


@dataclass(frozen=True, slots=True)
class _TasksWith:
    """The tasks of a piece that have one of some keys."""

    keys: Keys

    def __call__(self, piece: Piece) -> list[str]:
        places = np.flatnonzero(np.isin(piece.keys, self.keys))
        return [piece.table.tasks[int(k)] for k in places] if piece.table is not None else []


def _tasks_apart(pieces: Parts[Piece], facts: Sequence[Facts]) -> None:
    """Every task stands in one part. Keys that are the same are looked up, in case their tasks are not."""
    keys = np.sort(np.concatenate(list(pieces.each(sorted_keys))))
    doubled = np.unique(keys[1:][keys[1:] == keys[:-1]])
    if not doubled.size:
        return
    where: dict[str, str] = {}
    for one, tasks in zip(facts, pieces.each(_TasksWith(doubled)), strict=True):
        for task in tasks:
            if task in where:
                raise InputError(
                    f"the task {task} is in {where[task]} and in {one.path}",
                    hint="keep all rows of a task in one partition, and each of them once",
                )
            where[task] = one.path
