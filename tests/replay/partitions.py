"""Outcome tables in files, cut into partitions in every possible way."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from cascade.replay.table import OutcomeTable

HEAD = "task_id,model,outcome,cost_usd,calls\n"


def rows_of(table: OutcomeTable, *, blank: float = 0.0) -> list[list[str]]:
    """Each task's lines; a share of the costs is left blank."""
    g = np.random.default_rng(7)
    return [
        [
            f"{task},{arm.tier},{float(table.outcome[row, k])!r},"
            f"{'' if g.random() < blank else repr(float(table.cost[row, k]))},{row % 7 + k}\n"
            for k, arm in enumerate(table.arms)
        ]
        for row, task in enumerate(table.tasks)
    ]


CHECKED = HEAD.replace("calls\n", "calls,verdict:lint,verdict:tests,latency:lint\n")


def checked(rows: list[list[str]]) -> list[list[str]]:
    """The same rows with the verdicts of two validators that err, the second one not always asked."""
    g = np.random.default_rng(8)

    def said(line: str) -> str:
        right = float(line.split(",")[2]) > 0.5
        lint, tests = int(g.random() < 0.9), int(right if g.random() < 0.9 else not right)
        return f"{line.rstrip()},{lint},{'' if g.random() < 0.05 else tests},{g.random()!r}\n"

    return [[said(line) for line in lines] for lines in rows]


def saved(path: Path, rows: list[list[str]], *, head: str = HEAD) -> Path:
    """Some tasks' lines as one file."""
    text = head + "".join(line for lines in rows for line in lines)
    path.parent.mkdir(exist_ok=True, parents=True)
    if path.suffix == ".gz":
        with gzip.open(path, "wt") as file:
            file.write(text)
    else:
        path.write_text(text)
    return path


def cut(folder: Path, rows: list[list[str]], *, count: int, seed: int, head: str = HEAD) -> Path:
    """The rows in `count` partitions of chance sizes, tasks and lines of a task in chance order."""
    g = np.random.default_rng(seed)
    shuffled = [[lines[k] for k in g.permutation(len(lines))] for lines in rows]
    where = g.integers(0, count, len(rows))
    for k in range(count):
        mine = [shuffled[row] for row in g.permutation(len(rows)) if where[row] == k]
        saved(folder / f"part-{k}.csv{'.gz' if k % 2 else ''}", mine, head=head)
    (folder / "_SUCCESS").write_text("")
    return folder
