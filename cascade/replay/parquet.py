"""Outcome tables in Parquet (needs the extra `parquet`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cascade.errors import InputError, UsageError
from cascade.replay.columns import VERDICT_HINT, Columns, Words, is_verdict

if TYPE_CHECKING:
    import pyarrow as pa


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
        table = pq.read_table(path, partitioning=None)
        return _columns(path, table)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(
            f"{path}: not a Parquet file of an outcome table: {error}", hint="write it again, or give a CSV"
        ) from error


def _columns(path: Path, table: pa.Table) -> Columns:
    import pyarrow as pa

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
        elif any(is_kind(column.type) for is_kind in _numeric()):
            _no_nan(path, name, column)
            values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
            columns.numbers[name] = [np.asarray(values, dtype=np.float64)]
        elif is_verdict(name):
            raise InputError(f"{path}: the column {name} holds {column.type}", hint=VERDICT_HINT)
        elif name in ("outcome", "cost_usd"):
            raise InputError(
                f"{path}: the column {name} holds {column.type}, not numbers",
                hint="write numbers; leave cost_usd null where it is not known",
            )
        else:
            columns.notes.append(f"column {name} is left out: it does not hold numbers")
    return columns


def _no_nan(path: Path, name: str, column: pa.Array) -> None:
    """NaN is no figure; what is not known is null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if name in ("outcome", "cost_usd") and pa.types.is_floating(column.type):
        odd = np.flatnonzero(np.isnan(pc.fill_null(column, 0.0).to_numpy(zero_copy_only=False)))
        if odd.size:
            raise InputError(
                f"{path}, row {odd[0] + 1}: {name} is NaN, not a number",
                hint="write null where it is not known",
            )


def _numeric() -> tuple[Callable[[pa.DataType], bool], ...]:
    """The types that hold numbers; a column of nothing but nulls holds unknown ones."""
    import pyarrow as pa

    kinds = pa.types
    return kinds.is_floating, kinds.is_integer, kinds.is_boolean, kinds.is_decimal, kinds.is_null


def _words(column: object) -> Words:
    import pyarrow as pa
    import pyarrow.compute as pc

    coded = pc.fill_null(column.cast(pa.string()), "").dictionary_encode()  # type: ignore[attr-defined]
    words = Words()
    for word in coded.dictionary.to_pylist():
        words.places[word]
    words.batches.append(coded.indices.to_numpy(zero_copy_only=False).astype(np.int32))
    return words
