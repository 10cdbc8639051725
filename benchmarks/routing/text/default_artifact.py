"""Trains the artefact that ships: `python -m benchmarks.routing.text.default_artifact`.

Its tasks are HumanEval's 164, its outcomes the recorded verdicts of two small models' first attempts.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np

from cascade.classifiers.artifact import Artifact, Card, save
from cascade.classifiers.calibration import expected_error
from cascade.classifiers.export import to_artifact
from cascade.classifiers.hashing import TextSpec
from cascade.classifiers.training import TextView, TierPassEstimator
from cascade.types import Task

# Few buckets: the file stays small, and 164 tasks fill no more.
TEXT = TextView(TextSpec(words=(1, 2), buckets=2048, clip=4096))

ROOT = Path(__file__).parents[3]
DATA = ROOT / "cascade" / "demo_data"
MODELS = {
    "Qwen2.5-Coder-0.5B-Instruct": ("Qwen2.5-Coder-0.5B-Instruct Q4_K_M", "recorded:flash"),
    "Qwen2.5-Coder-1.5B-Instruct": ("Qwen2.5-Coder-1.5B-Instruct Q4_K_M", "recorded:pro"),
}


def main() -> None:
    """Fit, and write `classifiers/artifacts/default.json`."""
    artifact = train()
    save(artifact, ROOT / "classifiers" / "artifacts" / "default.json")
    print(json.dumps(artifact.card.figures | {"version": artifact.version}, indent=1))


def train() -> Artifact:
    """The artefact, from the recordings in `cascade/demo_data`."""
    lines = _lines("tasks.jsonl.gz")
    tasks = [Task(id=one["id"], prompt=one["prompt"], tests=one["tests"]) for one in lines]
    passed = [_first_attempts(file) for file in ("flash.jsonl.gz", "pro.jsonl.gz")]
    y = np.array([[float(column[task.id]) for column in passed] for task in tasks])
    estimator = TierPassEstimator(texts=(TEXT,)).fit(tasks, y)
    held = estimator.held_out_
    figures = {
        "brier_held_out": float(((held - y) ** 2).mean()),
        "brier_base_rates": float(((y.mean(axis=0) - y) ** 2).mean()),
        "calibration_error_held_out": float(
            np.mean([expected_error(held[:, t], y[:, t], bins=5) for t in (0, 1)])
        ),
    }
    card = Card(
        trained_on="HumanEval, first attempts of Qwen2.5-Coder 0.5B and 1.5B (4-bit)",
        date="2026-11-24",
        licence="HumanEval is MIT (OpenAI); the outcomes are our own recordings of the models' answers",
        n_tasks=len(tasks),
        figures={name: round(value, 4) for name, value in figures.items()},
        limits=(
            "164 short Python functions: a rate carries about 7 points either way",
            "says nothing of other models (DeepSeek's included): those get a guess by their place, +-0.4",
            "HumanEval is public and old; the models may have seen it",
        ),
    )
    return to_artifact(estimator, y, list(MODELS), name="humaneval-qwen2.5-coder", card=card, models=MODELS)


def _lines(name: str) -> list[dict[str, Any]]:
    with gzip.open(DATA / name, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _first_attempts(name: str) -> dict[str, bool]:
    return {
        line["task_id"]: bool(line["passed"])
        for line in _lines(name)
        if line["attempt"] == 1 and line["after"] is None
    }


if __name__ == "__main__":
    main()
