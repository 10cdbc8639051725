"""One door for logs: a trace (design 5.5) or an outcome table (5.6), told apart by what is in them."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

from cascade.errors import InputError, UsageError
from cascade.replay.episodes import Episodes
from cascade.replay.read_table import read_table
from cascade.replay.table import OutcomeTable
from cascade.storage import unreadable


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """What was read. table: outcomes by task and arm; episodes: the trajectories, if it was a trace."""

    path: Path
    table: OutcomeTable
    episodes: Episodes | None = None


def read_log(path: Path | str, *, truth: Path | str | None = None) -> Log:
    """Read a log of either kind. Raises InputError or StorageError, saying where and what.

    truth: a truth file (`cascade.trace.labels`) that is joined to a trace; a table holds the truth itself.
    """
    path = Path(path)
    if holds_a_trace(path):
        from cascade.replay.read_trace import read_episodes
        from cascade.trace.labels import read_labels

        episodes = read_episodes(path, labels=() if truth is None else read_labels(truth))
        return Log(path, episodes.table, episodes)
    refuse_truth(path, truth)
    return Log(path, read_table(path))


def refuse_truth(path: Path | str, truth: object) -> None:
    """A truth file is joined to a trace; an outcome table holds the truth itself. Raises UsageError."""
    if truth is not None:
        raise UsageError(
            f"{path} is an outcome table, whose column outcome is the truth: there is nothing to join {truth} to",
            hint="write the truth into outcome, and what the checks said into verdict (verdict:NAME by validator)",
        )


def holds_a_trace(path: Path) -> bool:
    """Whether a log is a trace; a folder and a Parquet file are not. Raises as `read_log`."""
    return path.suffix != ".parquet" and not path.is_dir() and _looks_like_json(path)


def _looks_like_json(path: Path) -> bool:
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            start = (gzip.GzipFile(fileobj=raw) if packed else raw).read(64)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path}: the file is gzipped, and damaged or cut short: {error}", hint="fetch or write it again"
        ) from error
    except OSError as error:
        raise unreadable(
            path, error, what="log", hint="give the path of a trace or an outcome table"
        ) from error
    start = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise InputError(f"{path}: the log is empty", hint="a log has at least one finished task")
    if start.startswith(b"["):
        raise InputError(
            f"{path}: a JSON array is neither a trace nor an outcome table",
            hint="a trace has one event a line, as an object; an outcome table is a CSV",
        )
    return start.startswith(b"{")
