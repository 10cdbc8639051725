"""python -m benchmarks.routing DATA_DIR [RECORDINGS_DIR]: the routing goals, on unseen tasks.

DATA_DIR: an outcome table, a folder with `outcomes.csv.gz`, or a folder of such folders. RECORDINGS_DIR: a
folder of recordings, or a folder of such folders.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import click

from benchmarks.routing.recordings import recording_goals
from benchmarks.routing.tables import table_goals
from benchmarks.routing.trials import Answer

NAMES = ("outcomes.csv.gz", "outcomes.csv", "outcomes.parquet")


def tables_in(place: Path) -> list[Path]:
    """The outcome tables at a place."""
    if place.is_file():
        return [place]
    here = [place / name for name in NAMES if (place / name).exists()]
    return here[:1] or [
        path for folder in sorted(place.iterdir()) if folder.is_dir() for path in tables_in(folder)
    ]


def recordings_in(place: Path) -> list[Path]:
    """The folders of recordings at a place."""
    if any(place.glob("*.jsonl.gz")):
        return [place]
    return [
        folder for folder in sorted(place.iterdir()) if folder.is_dir() and any(folder.glob("*.jsonl.gz"))
    ]


class Screen:
    """Prints answers as they come, or gathers them for one JSON document."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.found: list[object] = []

    def show(self, title: str, answers: Iterator[Answer | str]) -> None:
        """Go through the answers of one place."""
        if not self.as_json:
            click.echo(f"\n== {title}")
        start = time.perf_counter()
        for answer in answers:
            if isinstance(answer, Answer):
                self.found.append(answer.document())
            if not self.as_json:
                timed = [f"  ({time.perf_counter() - start:.0f} s)"]
                click.echo("\n".join([*answer.lines(), *timed] if isinstance(answer, Answer) else [answer]))
            start = time.perf_counter()


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.argument("recordings", type=click.Path(exists=True, path_type=Path), required=False)
@click.option("--cost", "costs", multiple=True, metavar="TIER=USD", help="A flat cost of an attempt.")
@click.option("--seeds", default=5, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(data: Path, recordings: Path | None, costs: tuple[str, ...], seeds: int, as_json: bool) -> None:
    """Run every goal that the data can answer (the text routers': python -m benchmarks.routing.text)."""
    from cascade.cli.logs import cost_options

    screen = Screen(as_json=as_json)
    for path in tables_in(data):
        screen.show(str(path), table_goals(path, costs=cost_options(costs), seeds=seeds))
    for folder in recordings_in(recordings) if recordings is not None else []:
        screen.show(str(folder), recording_goals(folder, seeds=seeds))
    if as_json:
        click.echo(json.dumps(screen.found))


if __name__ == "__main__":
    main()
