"""A log in parts on the command line: a file or a folder of them, played here or on Ray."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cascade.errors import UsageError

if TYPE_CHECKING:
    from cascade.replay.parts import Parts

ray_option = click.option(
    "--ray",
    is_flag=False,
    flag_value="local",
    metavar="[ADDRESS]",
    help="Play a folder's outcome tables on Ray: on workers started here, or on the cluster at ADDRESS.",
)


@contextmanager
def opened(log: Path, *, ray: object) -> Iterator[Parts[Path]]:
    """The outcome tables of a log: itself, or those in it if it is a folder. ray: where, None for here."""
    from cascade.replay.parts import Held, OneByOne
    from cascade.replay.pieces import partitions_of

    paths = partitions_of(log) if log.is_dir() else [log]
    if ray is not None:
        from cascade.integrations.ray import on_ray

        with on_ray([path.resolve() for path in paths], str(ray)) as parts:
            yield parts
    elif len(paths) == 1:
        yield Held(tuple(paths))
    else:
        with tempfile.TemporaryDirectory(prefix="cascade-parts-") as folder:
            yield OneByOne(Path(folder), tuple(paths))


def refuse_ray(ray: object) -> None:
    """A trace is one log of decisions, and is replayed whole."""
    if ray is not None:
        raise UsageError(
            "--ray is for outcome tables",
            hint="leave --ray out, or export the trace: cascade trace export TRACE --outcomes FILE",
        )
