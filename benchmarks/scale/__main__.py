"""python -m benchmarks.scale [--tasks N] [--tiers T]: a large table read, replayed and tuned, each timed.

Each step runs in a process of its own, which reports its time and its largest resident size.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np


def write_table(path: Path, tasks: int, tiers: int) -> None:
    """A table of correlated outcomes with long-tailed costs."""
    g = np.random.default_rng(0)
    levels, prices = np.linspace(0.0, 2.0, tiers), np.geomspace(0.01, 0.3, tiers)
    with path.open("w", encoding="utf-8") as out:
        out.write("task_id,model,outcome,cost_usd\n")
        for start in range(0, tasks, 50_000):
            n = min(50_000, tasks - start)
            z = g.normal(size=(n, 1))
            right = g.random((n, tiers)) < 1 / (1 + np.exp(-(levels + 1.5 * z)))
            cost = prices * np.exp(0.4 * g.normal(size=(n, tiers)) - 0.3 * z)
            rows = [
                f"t{start + row},m{tier},{int(right[row, tier])},{cost[row, tier]:.6f}\n"
                for row in range(n)
                for tier in range(tiers)
            ]
            out.writelines(rows)


CONFIG = """version: 1
tiers: {tiers}
policy: {{use: threshold, start: 0.3, default_attempts: 1}}
"""


def write_config(path: Path, tiers: int) -> None:
    """A threshold config over all tiers."""
    entry = {"model": "m", "base_url": "http://localhost:1/v1", "price": "unknown"}
    path.write_text(CONFIG.format(tiers=json.dumps({f"m{tier}": entry for tier in range(tiers)})))


def child(name: str, words: list[str]) -> None:
    """Run one command in this process and print its time and size."""
    from cascade.cli.replay import replay
    from cascade.cli.tune import tune

    start = time.perf_counter()
    (replay if name == "replay" else tune).main(words, standalone_mode=False)
    seconds = time.perf_counter() - start
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    click.echo(f"{name}: {seconds:.1f} s, {size:.2f} GiB", err=True)


@click.command(help=__doc__)
@click.option("--tasks", default=1_000_000, show_default=True)
@click.option("--tiers", default=4, show_default=True)
def main(tasks: int, tiers: int) -> None:
    """Write, replay, tune."""
    with tempfile.TemporaryDirectory() as folder:
        log, config, tuned = (Path(folder) / name for name in ("log.csv", "config.yaml", "tuned.yaml"))
        write_table(log, tasks, tiers)
        write_config(config, tiers)
        click.echo(f"{tasks} tasks by {tiers} tiers, {log.stat().st_size / 1e6:.0f} MB")
        steps = [
            ["replay", str(log), "-c", str(config)],
            ["tune", str(log), "--target-success", "0.8", "-o", str(tuned)],
            ["replay", str(log), "-c", str(tuned)],
        ]
        for step in steps:
            subprocess.run([sys.executable, "-m", "benchmarks.scale.child", *step], check=False)


if __name__ == "__main__":
    main()
