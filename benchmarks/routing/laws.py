"""python -m benchmarks.routing.laws [--logs 400]: the statistical laws, on many simulated logs.

Coverage of 95% intervals (exact, IPS, SNIPS, doubly robust), and how often `tune` breaks a promise made at 95%, each
in worlds of several kinds. Exit 1 where a law does not hold. The smaller versions are in the test suite.
"""

from __future__ import annotations

import click

from benchmarks.routing.coverage import WANTED, coverage
from benchmarks.routing.promises import LEVEL, SETTINGS, promises
from tests.replay.wide_worlds import WORLDS


@click.command(help=__doc__)
@click.option("--logs", default=400, show_default=True)
@click.option("--tasks", default=400, show_default=True, help="Tasks a log, for coverage.")
@click.option("--world", "worlds", multiple=True, help=f"Only these: {', '.join([*WORLDS, *SETTINGS])}.")
def main(logs: int, tasks: int, *, worlds: tuple[str, ...]) -> None:
    """Both laws, and a verdict on each."""
    wanted = worlds or (*WORLDS, *SETTINGS)
    narrow = [line for name in WORLDS if name in wanted for line in coverage(name, logs, tasks)]
    broken = [line for name in SETTINGS if name in wanted for line in promises(name, logs)]
    _verdict(f"95% intervals cover at least {WANTED:.0%}", narrow)
    _verdict(f"promises at 95% are broken on at most {LEVEL:.0%} of the logs", broken)
    raise SystemExit(1 if narrow or broken else 0)


def _verdict(law: str, short: list[str]) -> None:
    click.echo(f"{law} (two standard errors allowed): {'does not hold' if short else 'holds'}")
    for line in short:
        click.echo(f"  {line}")


if __name__ == "__main__":
    main()
