"""A trace sink: a line for every USD amount, for a spreadsheet. `trace: {sinks: [{use: spend_log, path: spend.csv}]}`

A sink gets every event, secrets masked. One that fails is said once and let go; the run goes on.
"""

from __future__ import annotations

import csv
from pathlib import Path

from cascade.trace import AttemptFailed, AttemptFinished, Event


class SpendLog:
    """Appends time, task, tier, model and USD of every attempt."""

    def __init__(self, *, path: str) -> None:
        self._file = Path(path).open("a", newline="", encoding="utf-8")  # noqa: SIM115  (closed by `close`)
        self._lines = csv.writer(self._file)

    def emit(self, event: Event) -> None:
        """Take one event; most are none of ours."""
        if isinstance(event, AttemptFinished | AttemptFailed):
            usd = "unknown" if event.cost_usd is None else format(event.cost_usd, "f")
            self._lines.writerow([event.time.isoformat(), event.task_id, event.tier, event.model, usd])

    def flush(self) -> None:
        """Bring lines to the file."""
        self._file.flush()

    def close(self) -> None:
        """End the file. May be called twice."""
        self._file.close()
