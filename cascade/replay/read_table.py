"""Reads outcome tables (design 5.6): CSV, plain or gzipped, and Parquet. A bad table gets a clear answer."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import get_args

import numpy as np

from cascade.errors import InputError, listed
from cascade.policy.steps import Step
from cascade.replay.columns import WORDS, Columns, numbers
from cascade.replay.lines import place, table_text
from cascade.replay.table import OutcomeTable
from cascade.replay.verdicts import Said, is_said, truth_apart
from cascade.storage import unreadable
from cascade.types import History

_BATCH = 2_000
_NEEDED = ("task_id", "model", "outcome")
_TELLING = 10
_COLUMNS = "the columns are task_id, model, outcome, cost_usd, and others if you like"
_COMMAS = "separate columns by commas, and write decimals with a point"

MOST_USD = 1e12
"""What costs more is a mistake, and its powers are beyond a double."""

CUT_NOTE = "the last line has no end: if the file was cut there, its last figures are not whole"
STAGES_NOTE = "stages are successive attempts; a later one counts by what it added to those before"


def read_table(path: Path | str) -> OutcomeTable:
    """Read an outcome table.

    Needs the columns task_id, model and outcome; `cost_usd` may be missing or blank (not known). `attempt`,
    `after` and `history` tell kinds of attempts apart; without `attempt`, the values of a `stage` column
    are successive attempts and a later stage's outcome is what was right by then. `verdict` and `verdict:NAME`
    hold what the checks, and one validator, said of the attempt; the outcome then is the truth about it, and
    `latency:NAME` the validator's seconds. Other columns are figures if they hold numbers, but for `sampled` of a
    trace's export. Raises InputError with file and line for what cannot be meant, StorageError if the file cannot
    be read.
    """
    columns = read_columns(path)
    if not columns.count:
        raise InputError(f"{path}: the table has a header and no rows", hint="log some tasks first")
    table = truth_apart(build(columns, str(path)))
    if np.isnan(table.outcome).all():
        raise InputError(f"{path}: no row has an outcome", hint="log runs whose answers were checked")
    return table


def read_columns(path: Path | str) -> Columns:
    """The columns of an outcome table, or of a part of one, as they are written. Raises as `read_table`."""
    path = Path(path)
    with _reading(path):
        if path.suffix == ".parquet":
            from cascade.replay.parquet import parquet_columns

            return parquet_columns(path)
        return _csv_columns(path)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path}: the file is gzipped, and damaged or cut short: {error}", hint="fetch or write it again"
        ) from error
    except OSError as error:
        raise unreadable(
            path, error, what="log", hint="give the path of a trace or an outcome table"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not UTF-8 text: {error.reason}",
            hint="an outcome table is a CSV in UTF-8, or a file that is named .parquet",
        ) from error


def _csv_columns(path: Path) -> Columns:
    with table_text(path) as text:
        reader = csv.reader(text)
        try:
            columns = Columns(_header(path, next(reader, None)))
            for rows in iter(lambda: list(islice(reader, _BATCH)), []):
                _take(path, columns, rows)
        except csv.Error as error:
            raise InputError(
                f"{path}:{reader.line_num}: {error}",
                hint="is a quote not closed? a cell holds 131,072 characters at most",
            ) from error
    if _cut(path):
        columns.notes.append(
            "the last line has no end: if the file was cut there, its last figures are not whole"
        )
    return columns


def _cut(path: Path) -> bool:
    """Whether a file that is not gzipped ends within a line."""
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(-1, io.SEEK_END)
        return not packed and raw.read(1) not in b"\r\n"


def _header(path: Path, header: Sequence[str] | None) -> list[str]:
    names = [name.strip() for name in header or ()]
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise _lacking(path, names, missing)
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InputError(f"{path}:1: the column {doubled[0]} stands there twice", hint="name each once")
    return names


def _lacking(path: Path, names: Sequence[str], missing: Sequence[str]) -> InputError:
    return InputError(
        f"{path}:1: an outcome table needs the column{'s' if len(missing) > 1 else ''} "
        f"{', '.join(missing)}; this file's first line has {listed(name[:40] for name in names)}",
        hint=_COMMAS if len(names) == 1 and set(names[0]) & set(";\t|") else _COLUMNS,
    )


def _take(path: Path, columns: Columns, rows: list[list[str]]) -> None:
    width = len(columns.names)
    wrong = next((k for k, row in enumerate(rows) if len(row) != width and row), None)
    if wrong is not None:
        row = columns.count + sum(bool(cells) for cells in rows[:wrong])
        raise InputError(
            f"{place(path, row)}: {len(rows[wrong])} fields where the header has {width}: the line is torn",
            hint="cut the line off, or write the table again; a cell with a comma or a quote in it is quoted",
        )
    rows = [row for row in rows if row]
    for name, values in zip(columns.names, zip(*rows, strict=True), strict=True):
        if name in WORDS:
            columns.words[name].add(values)
        else:
            columns.add_numbers(name, values, path)
    columns.count += len(rows)


def build(columns: Columns, source: str) -> OutcomeTable:
    """Check columns and pivot them into a table; verdicts stand beside the outcomes, known or not."""
    task, tasks = columns.words["task_id"].codes()
    _check_words(columns, source)
    steps, arm = _arms(columns, source)
    outcome = columns.column("outcome")
    cost = columns.column("cost_usd") if "cost_usd" in columns.numbers else np.full(len(task), np.nan)
    said = Said.of(columns, source)
    _check(source, outcome, cost)
    if said is None:
        columns.notes += blank_note(int(np.isnan(outcome).sum()))
    cell = task * len(steps) + arm
    _no_duplicates(source, cell, steps, tasks)
    shape = (len(tasks), len(steps))

    def pivot(values: np.ndarray) -> np.ndarray:
        full = np.full(shape[0] * shape[1], np.nan)
        full[cell] = values
        return full.reshape(shape)

    figures = {
        name: pivot(columns.column(name))
        for name in columns.numbers
        if name not in ("outcome", "cost_usd") and not is_said(name) and columns.holds_numbers(name)
    }
    table = OutcomeTable(
        tasks=tasks,
        arms=tuple(steps),
        outcome=pivot(outcome),
        cost=pivot(cost),
        figures=figures,
        notes=tuple(columns.notes),
    )
    if said is not None:
        _tell_attempts(columns, source)
        return said.pivoted(pivot).on(table)
    return _conditional(table) if staged(columns) else table


def _tell_attempts(columns: Columns, source: str) -> None:
    if staged(columns):
        raise InputError(
            f"{source}: verdicts of stages: what was right by a stage is not what its own answer was",
            hint="number the attempts in an `attempt` column, and give each attempt's own outcome",
        )


def blank_note(count: int) -> list[str]:
    """Said of rows that were not checked, if there are any."""
    return [f"{count} rows have no outcome (could not be checked): not counted as failures"] if count else []


def staged(columns: Columns) -> bool:
    """Whether a stage column stands for the attempts."""
    return "stage" in columns.words and "attempt" not in columns.words


def _arms(columns: Columns, source: str) -> tuple[list[Step], np.ndarray]:
    """The kinds of attempts in order of appearance, and each row's."""
    model, models = columns.words["model"].codes()
    parts = [(model, list(models))]
    for name in ("attempt", "stage", "after", "history"):
        if name not in columns.words or (name == "stage" and not staged(columns)):
            parts.append((np.zeros(len(model), dtype=np.intp), [""]))
            continue
        codes, values = columns.words[name].codes()
        parts.append((codes, list(values)))
    key = np.zeros(len(model), dtype=np.intp)
    for codes, values in parts:
        key = key * len(values) + codes
    unique, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    place = np.empty(len(unique), dtype=np.intp)
    place[order] = np.arange(len(unique))
    steps = []
    for row in first[order]:
        tier, attempt, stage, after, history = (values[codes[row]] for codes, values in parts)
        number = parts[2][1].index(stage) + 1 if staged(columns) else _count(attempt, source, int(row))
        steps.append(Step(tier, number, after or None, _history(history, source, int(row))))
    return steps, place[inverse]


def _count(text: str, source: str, row: int) -> int:
    if not text:
        return 1
    if not text.isdigit() or int(text) < 1:
        raise InputError(f"{place(source, row)}: attempt is {text!r}", hint="attempts count from 1")
    return int(text)


def _history(text: str, source: str, row: int) -> History:
    for known in get_args(History):
        if text == known:
            return known  # type: ignore[no-any-return]
    if text:
        raise InputError(
            f"{place(source, row)}: history is {text!r}", hint=f"one of {', '.join(get_args(History))}"
        )
    return "none"


def _check(source: str, outcome: np.ndarray, cost: np.ndarray) -> None:
    outside = np.flatnonzero((outcome < 0) | (outcome > 1))
    if outside.size:
        raise InputError(
            f"{place(source, int(outside[0]))}: the outcome {outcome[outside[0]]:g} is outside 0 to 1",
            hint="an outcome is 1 (right), 0 (wrong) or a pass rate between",
        )
    bad = np.flatnonzero((cost < 0) | (cost > MOST_USD))
    if bad.size:
        raise InputError(
            f"{place(source, int(bad[0]))}: cost_usd is {cost[bad[0]]:g}, which no attempt costs",
            hint="a cost is 0 or more, in USD; leave it blank where it is not known",
        )
    if _swapped(outcome, cost[np.isfinite(cost)]):
        raise InputError(
            f"{source}: every cost_usd is 0 or 1 and no outcome is: the two columns look swapped",
            hint="outcome is 1 (right), 0 (wrong) or a rate; cost_usd is what the attempt cost",
        )


def _swapped(outcome: np.ndarray, cost: np.ndarray) -> bool:
    """Whether costs look like outcomes, and no outcome does."""
    if len(cost) < _TELLING or not ((cost == 0) | (cost == 1)).all():
        return False
    return cost.min() < cost.max() and not np.isin(outcome, (0.0, 1.0)).any()


def _check_words(columns: Columns, source: str) -> None:
    """Every row names its task and its model, in text."""
    for name in ("task_id", "model"):
        codes, words = columns.words[name].codes()
        odd = [k for k, word in enumerate(words) if not word or "\0" in word]
        if odd:
            row = int(np.flatnonzero(np.isin(codes, odd))[0])
            why = "blank" if not words[int(codes[row])] else "not text (it holds a NUL)"
            raise InputError(
                f"{place(source, row)}: {name} is {why}",
                hint="every row says which task and which model it is of",
            )


def _no_duplicates(source: str, cell: np.ndarray, steps: Sequence[Step], tasks: Sequence[str]) -> None:
    times = np.bincount(cell)
    if times.max() <= 1:
        return
    again = int(np.flatnonzero(times > 1)[0])
    lines = [place(source, int(row)).removeprefix(f"{source}:") for row in np.flatnonzero(cell == again)[:3]]
    task, step = tasks[again // len(steps)], steps[again % len(steps)]
    hint = "keep one row for each task and model; number repeated attempts in an `attempt` column"
    raise InputError(f"{source}: lines {', '.join(lines)} are all {task} by {step}", hint=hint)


def _conditional(table: OutcomeTable) -> OutcomeTable:
    """Stages hold what was right by then; a later attempt's own outcome is what it added to the rest."""
    from dataclasses import replace

    outcome = table.outcome.copy()
    for k, arm in enumerate(table.arms):
        before = table.arm(Step(arm.tier, arm.attempt - 1))
        if arm.attempt > 1 and before is not None:
            left = 1 - table.outcome[:, before]
            gained = table.outcome[:, k] - table.outcome[:, before]
            with np.errstate(invalid="ignore", divide="ignore"):
                outcome[:, k] = np.clip(np.where(left > 0, gained / left, np.nan), 0, 1)
    return replace(table, outcome=outcome, notes=(*table.notes, STAGES_NOTE))


__all__ = ["build", "numbers", "read_table"]
