"""Outcome tables in Parquet (needs the extra `parquet`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cascade.errors import InputError, UsageError
from cascade.replay.columns import Columns, Words


def parquet_columns(path: Path) -> Columns:
    """The columns of a Parquet file. Raises UsageError without pyarrow, InputError for a broken file."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UsageError(
            "reading Parquet needs pyarrow", hint="pip install 'cascade-router[parquet]', or give a CSV"
        ) from error
    try:
        table = pq.read_table(path)
    except pa.ArrowInvalid as error:
        raise InputError(
            f"{path}: not a Parquet file: {error}", hint="write it again, or give a CSV"
        ) from error
    missing = [name for name in ("task_id", "model", "outcome") if name not in table.column_names]
    if missing:
        raise InputError(
            f"{path}: an outcome table needs the column {', '.join(missing)}",
            hint="the columns are task_id, model, outcome, cost_usd, and others if you like",
        )
    columns = Columns(list(table.column_names))
    columns.count = table.num_rows
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        if name in columns.words:
            columns.words[name] = _words(column)
        elif pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
            values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
            columns.numbers[name] = [np.asarray(values, dtype=np.float64)]
        else:
            columns.notes.append(f"column {name} is left out: it does not hold numbers")
    return columns


def _words(column: object) -> Words:
    import pyarrow as pa
    import pyarrow.compute as pc

    coded = pc.fill_null(column.cast(pa.string()), "").dictionary_encode()  # type: ignore[attr-defined]
    words = Words()
    for word in coded.dictionary.to_pylist():
        words.places[word]
    words.batches.append(coded.indices.to_numpy(zero_copy_only=False).astype(np.int32))
    return words
