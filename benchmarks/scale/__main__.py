"""python -m benchmarks.scale [--tasks N] [--tiers T] [--parts P [--ray]]: a large table read, replayed and tuned.

Each step runs in a process of its own, which reports its time and its largest resident size. With --parts the table
is read from Parquet, whole and in P partitions side by side (with --ray also on Ray, whose workers' size is not
counted), and what was tuned is compared byte for byte.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np


@dataclass(frozen=True, slots=True)
class Batch:
    """Some tasks: correlated outcomes and long-tailed costs, each (n, tiers)."""

    start: int
    right: np.ndarray
    cost: np.ndarray


def batches(tasks: int, tiers: int, size: int = 50_000) -> Iterator[Batch]:
    """The tasks of a table, the same whenever they are asked for."""
    g = np.random.default_rng(0)
    levels, prices = np.linspace(0.0, 2.0, tiers), np.geomspace(0.01, 0.3, tiers)
    for start in range(0, tasks, size):
        n = min(size, tasks - start)
        z = g.normal(size=(n, 1))
        right = g.random((n, tiers)) < 1 / (1 + np.exp(-(levels + 1.5 * z)))
        cost = prices * np.exp(0.4 * g.normal(size=(n, tiers)) - 0.3 * z)
        yield Batch(start, right, np.round(cost, 6))


def write_table(path: Path, tasks: int, tiers: int) -> None:
    """A table as CSV."""
    with path.open("w", encoding="utf-8") as out:
        out.write("task_id,model,outcome,cost_usd\n")
        for one in batches(tasks, tiers):
            out.writelines(
                f"t{one.start + row},m{tier},{int(one.right[row, tier])},{one.cost[row, tier]:.6f}\n"
                for row in range(len(one.right))
                for tier in range(tiers)
            )


def write_parquet(folder: Path, tasks: int, tiers: int, parts: int) -> None:
    """The same table as Parquet, whole in `one/` and by turns in the partitions of `many/`."""
    import pyarrow as pa
    from pyarrow import parquet

    with ExitStack() as open_files:
        files: dict[Path, parquet.ParquetWriter] = {}
        for k, one in enumerate(batches(tasks, tiers, size=max(1, min(50_000, tasks // parts)))):
            n = len(one.right)
            table = pa.table(
                {
                    "task_id": [f"t{one.start + row}" for row in range(n) for _ in range(tiers)],
                    "model": [f"m{tier}" for tier in range(tiers)] * n,
                    "outcome": one.right.astype(float).ravel(),
                    "cost_usd": one.cost.ravel(),
                }
            )
            for path in (folder / "one" / "log.parquet", folder / "many" / f"{k % parts}.parquet"):
                if path not in files:
                    path.parent.mkdir(exist_ok=True)
                    files[path] = open_files.enter_context(parquet.ParquetWriter(path, table.schema))
                files[path].write_table(table)


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

    start, busy = time.perf_counter(), time.process_time()
    (replay if name == "replay" else tune).main(words, standalone_mode=False)
    seconds, work = time.perf_counter() - start, time.process_time() - busy
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    click.echo(f"{name}: {seconds:.1f} s ({work:.1f} s of CPU), {size:.2f} GiB", err=True)


def run(label: str, *words: str) -> None:
    """One step in a process of its own; what it says of itself goes to the screen."""
    click.echo(f"{label}: ", nl=False)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scale.child", *words], check=False, text=True, capture_output=True
    )
    click.echo((done.stderr.strip() or "nothing said").splitlines()[-1])


def side_by_side(folder: Path, config: Path, parts: int, *, ray: bool) -> None:
    """The whole Parquet table, its partitions, and its partitions on Ray: times, and whether figures agree."""
    ways = {"one table": ["one/log.parquet"], f"{parts} partitions": ["many"]}
    if ray:
        ways[f"{parts} partitions on Ray"] = ["many", "--ray"]
    tuned: dict[str, list[bytes]] = {}
    for label, (log, *more) in ways.items():
        into = folder / label / "log.yaml"
        into.parent.mkdir()
        run(label, "replay", str(folder / log), "-c", str(config), *more)
        run(label, "tune", str(folder / log), "--target-success", "0.8", "-o", str(into), *more)
        names = [file.read_bytes().replace(Path(log).name.encode(), b"LOG") for file in into.parent.iterdir()]
        tuned[label] = sorted(names)
    same = all(found == tuned["one table"] for found in tuned.values())
    click.echo(f"tuned alike, byte for byte: {'yes' if same else 'NO'}")


@click.command(help=__doc__)
@click.option("--tasks", default=1_000_000, show_default=True)
@click.option("--tiers", default=4, show_default=True)
@click.option("--parts", default=0, help="Also as so many Parquet partitions.")
@click.option("--ray", is_flag=True, help="The partitions on Ray as well.")
def main(tasks: int, tiers: int, parts: int, ray: bool) -> None:
    """Write, replay, tune."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log, config, tuned = (folder / name for name in ("log.csv", "config.yaml", "tuned.yaml"))
        write_config(config, tiers)
        if parts:
            write_parquet(folder, tasks, tiers, parts)
            click.echo(f"{tasks} tasks by {tiers} tiers in Parquet")
            side_by_side(folder, config, parts, ray=ray)
            return
        write_table(log, tasks, tiers)
        click.echo(f"{tasks} tasks by {tiers} tiers, {log.stat().st_size / 1e6:.0f} MB")
        run("one table", "replay", str(log), "-c", str(config))
        run("one table", "tune", str(log), "--target-success", "0.8", "-o", str(tuned))
        run("as tuned", "replay", str(log), "-c", str(tuned))


if __name__ == "__main__":
    main()
