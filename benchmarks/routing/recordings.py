"""The goals on recorded answers: first attempts, retries and escalations by what was shown of the failure."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.routing.tables import texts_beside
from benchmarks.routing.trials import Answer, Outline, ask
from cascade.policy.steps import Step
from cascade.replay.prepare import complete
from cascade.replay.table import OutcomeTable
from cascade.tuning.families import Space
from cascade.tuning.lessons import lessons

# USD per 1M tokens (cached input, input, output), off-peak, in force since 2026-08-16
# (api-docs.deepseek.com, quick_start/pricing): what the tiers would cost at the service's list prices.
PRICES = {"flash": (0.003, 0.15, 0.60), "pro": (0.022, 0.66, 1.98)}


def recordings_table(folder: Path) -> OutcomeTable:
    """Every recorded attempt as a table; the folder's `*.jsonl.gz` but the tasks."""
    records = []
    for path in sorted(folder.glob("*.jsonl.gz")):
        if path.name != "tasks.jsonl.gz":
            with gzip.open(path, "rt", encoding="utf-8") as lines:
                records += [json.loads(line) for line in lines]
    tasks = sorted({record["task_id"] for record in records})
    steps = list(dict.fromkeys(_step(record) for record in records))
    shape = (len(tasks), len(steps))
    row, column = {task: k for k, task in enumerate(tasks)}, {step: k for k, step in enumerate(steps)}
    outcome, cost = np.full(shape, np.nan), np.full(shape, np.nan)
    figures = {name: np.full(shape, np.nan) for name in ("input_tokens", "output_tokens", "surprise")}
    for record in records:
        place = row[record["task_id"]], column[_step(record)]
        outcome[place] = float(record["passed"])
        cost[place] = _cost(record)
        figures["input_tokens"][place] = record["usage"]["prompt_tokens"]
        figures["output_tokens"][place] = record["usage"]["completion_tokens"]
        if record.get("mean_logprob") is not None:
            figures["surprise"][place] = -record["mean_logprob"]
    return OutcomeTable(tasks=tasks, arms=tuple(steps), outcome=outcome, cost=cost, figures=figures)


def _step(record: dict[str, Any]) -> Step:
    return Step(record["model"], record["attempt"], record["after"], record["history"])


def _cost(record: dict[str, Any]) -> float:
    usage = record["usage"]
    cached_price, price, output_price = PRICES[record["model"]]
    cached = usage["cached_tokens"]
    fresh = usage["prompt_tokens"] - cached
    total: float = cached * cached_price + fresh * price + usage["completion_tokens"] * output_price
    return total / 1e6


def recording_goals(folder: Path, *, seeds: int) -> Iterator[Answer | str]:
    """As good as the strong tier alone on unseen tasks, and what the log says about retries and histories."""
    table = recordings_table(folder)
    strong = max(table.tiers, key=lambda tier: float(np.nanmean(table.outcome[:, table.first(tier)])))
    for lesson in [*lessons(table), *lessons(table, first=strong)]:
        yield f"  {lesson}"
    yield from (f"  {note}" for note in complete(table).notes)
    space = Space(max_attempts=4, texts=texts_beside(folder / "recordings", table))
    yield ask(
        table,
        Outline(name=f"{' '.join(table.tiers)}, all histories", reference=strong, space=space, seeds=seeds),
    )
