"""Where a row of a table stands in its file: looked up only when there is something to say about it."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO


@contextmanager
def table_text(path: Path) -> Iterator[TextIO]:
    """A CSV's text, gzipped or not, a byte order mark dropped."""
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        binary = gzip.GzipFile(fileobj=raw) if packed else raw
        yield io.TextIOWrapper(binary, encoding="utf-8-sig", newline="")


def place(source: str | Path, row: int) -> str:
    """`file:line` of a row, counted from 0 without the header; `file, row N` (from 1) where a file has no lines.

    Rows are not lines: cells may hold line ends, and blank lines hold no row.
    """
    path = Path(source)
    if path.suffix != ".parquet":
        with suppress(OSError, EOFError, UnicodeDecodeError, csv.Error):
            return f"{source}:{_line(path, row)}"
    return f"{source}, row {row + 1}"


def _line(path: Path, row: int) -> int:
    with table_text(path) as text:
        reader = csv.reader(text)
        next(reader)
        seen, start = 0, reader.line_num + 1
        for cells in reader:
            if cells and seen == row:
                break
            seen += bool(cells)
            start = reader.line_num + 1
        return start
