"""The demo's figures, computed again by other means: from the recordings and the verdicts alone.

    python tests/demo_figures.py TRACE     (the trace that `cascade demo` names at its end)

Shares no code with the library: it replays flash, flash shown its failure, pro afresh, until one passes. The
verdict on a recorded answer comes from the trace; the answers that only the comparison needed (pro's on tasks
that flash solved) take the verdict that HumanEval's tests gave when they were recorded.
"""

from __future__ import annotations

import gzip
import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent / "examples" / "humaneval"
PRICES = {"flash": ("0.15", "0.003", "0.60"), "pro": ("0.66", "0.022", "1.98")}
STEPS = [("flash", 1, None, "none"), ("flash", 2, "flash", "diagnostics"), ("pro", 1, None, "none")]
Key = tuple[str, str, int, str | None, str]


def recordings() -> dict[Key, dict[str, Any]]:
    """Every recorded answer by task, model, attempt, after and history."""
    found: dict[Key, dict[str, Any]] = {}
    for model in PRICES:
        with gzip.open(DATA / f"{model}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                found[row["task_id"], row["model"], row["attempt"], row["after"], row["history"]] = row
    return found


def verdicts(trace: Path) -> dict[Key, bool]:
    """What the validators said in the trace, by the same key."""
    asked: dict[tuple[str, int], Key] = {}
    said: dict[Key, bool] = {}
    for line in trace.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        place = (event.get("task_id"), event.get("attempt"))
        if event["event"] == "attempt.started":
            asked[place] = (
                event["task_id"],
                *(event[name] for name in ("tier", "tier_attempt", "after", "history")),
            )
        elif event["event"] == "validation.finished":
            said[asked[place]] = event["verdict"] == "passed"
    return said


def cost(row: dict[str, Any]) -> Fraction:
    """USD of one recorded answer, exactly."""
    usage, (fresh, cached, output) = row["usage"], map(Fraction, PRICES[row["model"]])
    hits = usage["cached_tokens"]
    total: Fraction = (
        (usage["prompt_tokens"] - hits) * fresh + hits * cached + usage["completion_tokens"] * output
    )
    return total / 1_000_000


def figures(trace: Path) -> dict[str, tuple[int, int, Fraction]]:
    """Attempts, tasks solved and USD: of the cascade, of each tier alone."""
    said, rows = verdicts(trace), recordings()
    tasks = dict.fromkeys(key[0] for key in said)
    cascade = [_until_solved(task, said) for task in tasks]
    found = {
        "cascade": (
            sum(len(keys) for keys in cascade),
            sum(said[keys[-1]] for keys in cascade),
            sum((cost(rows[key]) for keys in cascade for key in keys), Fraction(0)),
        )
    }
    for model in PRICES:
        keys: list[Key] = [(task, model, 1, None, "none") for task in tasks]
        solved = sum(said.get(key, rows[key]["passed"]) for key in keys)
        found[f"always {model}"] = (len(keys), solved, sum((cost(rows[key]) for key in keys), Fraction(0)))
    return found


def _until_solved(task: str, said: dict[Key, bool]) -> list[Key]:
    keys: list[Key] = []
    for step in STEPS:
        keys.append((task, *step))
        if said[keys[-1]]:
            break
    return keys


if __name__ == "__main__":
    for name, (attempts, solved, usd) in figures(Path(sys.argv[1])).items():
        print(f"{name:13} attempts {attempts:4}  solved {solved:4}  USD {float(usd):.9f}")
