"""Reads a pair of models out of a data folder: `tasks.jsonl.gz`, `outcomes.csv.gz`, perhaps answers."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cascade.types import Task

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pair:
    """Tasks that both models answered. outcomes: `(n_tasks, 2)`, cheap and strong; answers: the cheap one's."""

    tasks: list[Task]
    outcomes: Floats
    answers: list[str]

    @property
    def cheap(self) -> Floats:
        """Outcomes of the cheap model, `(n_tasks,)`."""
        return self.outcomes[:, 0]

    @property
    def strong(self) -> Floats:
        """Outcomes of the strong model, `(n_tasks,)`."""
        return self.outcomes[:, 1]


def read_pair(folder: Path, cheap: str, strong: str, *, stage: str | None = None) -> Pair:
    """The pair's tasks, sorted by id; those marked `contaminated` are left out, as in RouteLLM's paper."""
    rows = _outcomes(folder / "outcomes.csv.gz", stage)
    tasks = {line["task_id"]: line for line in _lines(folder / "tasks.jsonl.gz")}
    ids = sorted(
        name
        for name, line in tasks.items()
        if (name, cheap) in rows and (name, strong) in rows and not line.get("contaminated")
    )
    responses = folder / "responses.jsonl.gz"
    said = _answers(responses, cheap) if responses.exists() else {}
    return Pair(
        tasks=[_task(tasks[name]) for name in ids],
        outcomes=np.array([[rows[name, cheap], rows[name, strong]] for name in ids]),
        answers=[said.get(name, "") for name in ids],
    )


def _task(line: dict[str, Any]) -> Task:
    declared = {key: value for key, value in line.items() if key not in ("task_id", "text")}
    return Task(id=line["task_id"], prompt=line["text"], metadata=declared)


def _outcomes(path: Path, stage: str | None) -> dict[tuple[str, str], float]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return {
            (row["task_id"], row["model"]): float(row["outcome"])
            for row in csv.DictReader(file)
            if stage is None or row["stage"] == stage
        }


def _answers(path: Path, model: str) -> dict[str, str]:
    return {line["task_id"]: line["response"] for line in _lines(path) if line["model"] == model}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)
