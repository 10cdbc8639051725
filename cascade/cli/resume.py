"""Where an interrupted run stands: what is done, what it cost, what of it only the trace knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from cascade.budget import Spent
from cascade.results import read_records
from cascade.storage import write_atomic
from cascade.trace.open_calls import Progress, progress
from cascade.trace.reader import read_trace
from cascade.trace.sink import refuse_if_written

# A task that ended so is done; any other (error, budget_exhausted) is tried again.
FINAL = frozenset({"accepted", "rejected"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """done: ids not to be run again. spent_usd: what counts against the budget, money of unknown fate included.

    shadow_usd: what counts against that of the shadows.
    """

    done: frozenset[str] = frozenset()
    spent_usd: Decimal = Decimal(0)
    shadow_usd: Decimal = Decimal(0)
    notes: tuple[str, ...] = ()

    @property
    def spent(self) -> Spent:
        """Both."""
        return Spent(tasks_usd=self.spent_usd, shadows_usd=self.shadow_usd)


def standing(results: str, trace: str | None) -> Standing:
    """Bring the results file in order, and say what is left.

    Lines of tasks to be tried again are taken out; tasks that the trace saw end, but whose line was lost, get
    their line from the trace. The file is replaced in one step. Raises InputError or StorageError if a file
    cannot be read or written, or if the run is still going on: its results would be replaced under it.
    """
    if trace is not None:
        refuse_if_written(Path(trace))
    seen = _progress(trace)
    kept = {str(row.get("id")): row for row in _records(results) if row.get("status") in FINAL}
    lost = _lost(seen, kept)
    lines = [orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in [*kept.values(), *lost.values()]]
    if Path(results).exists() or lines:
        write_atomic(results, b"".join(lines), what="results file")
    return Standing(
        done=frozenset(kept) | frozenset(lost),
        spent_usd=seen.spent_usd + seen.unknown_usd - seen.shadow_usd,
        shadow_usd=seen.shadow_usd,
        notes=tuple(_notes(seen, lost)),
    )


def _records(results: str) -> list[dict[str, Any]]:
    return list(read_records(results)) if Path(results).exists() else []


def _progress(trace: str | None) -> Progress:
    if trace is None or not Path(trace).is_file():
        return Progress()
    return progress(read_trace(trace).events)


def _lost(seen: Progress, kept: Mapping[str, object]) -> dict[str, dict[str, Any]]:
    return {
        name: dict(event.result)
        for name, event in seen.finished.items()
        if name not in kept and event.status in FINAL and isinstance(event.result, Mapping)
    }


def _notes(seen: Progress, lost: Mapping[str, object]) -> list[str]:
    notes = []
    if lost:
        notes.append(f"{len(lost)} finished tasks were in the trace only; their results are written now")
    if seen.open_calls:
        notes.append(
            f"{len(seen.open_calls)} calls were cut off: up to ${seen.unknown_usd:f} of unknown fate counts as spent"
        )
    return notes


def trace_beside(results: str, *, folder: Path | None, resume: bool) -> str:
    """The trace that belongs to a results file: the latest one to resume, else one that is not there yet."""
    path = Path(results)
    stem = path.name.removesuffix(".gz").removesuffix(".jsonl")
    home = folder or path.parent
    first = home / f"{stem}.trace.jsonl"
    there = sorted(home.glob(f"{stem}.trace*.jsonl"), key=lambda found: found.stat().st_mtime)
    if resume:
        return str(there[-1] if there else first)
    number = 2
    while first in there:
        first, number = home / f"{stem}.trace-{number}.jsonl", number + 1
    return str(first)
