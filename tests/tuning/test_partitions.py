"""Many partitions give the figures of one log."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cascade.errors import InputError
from cascade.policy.steps import Step, Verifier
from cascade.replay.plans import FixedPlan
from cascade.replay.read_table import read_table
from cascade.replay.table import OutcomeTable
from cascade.tuning.partitions import merged, replay_partitions, sample_partitions, sums_of
from tests.replay.worlds import world

PLAN = FixedPlan((Step("cheap"), Step("strong")))


def saved(path: Path, table: OutcomeTable) -> Path:
    lines = ["task_id,model,outcome,cost_usd"]
    lines += [
        f"{task},{arm.tier},{float(table.outcome[row, k])!r},{float(table.cost[row, k])!r}"
        for row, task in enumerate(table.tasks)
        for k, arm in enumerate(table.arms)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("verifier", [None, Verifier(0.9, 0.8)], ids=str)
def test_parts_merge_to_the_whole(tmp_path: Path, verifier: Verifier | None) -> None:
    table = world(1, 90)
    cuts = [table.rows(slice(0, 20)), table.rows(slice(20, 70)), table.rows(slice(70, 90))]
    paths = [saved(tmp_path / f"{k}.csv", cut) for k, cut in enumerate(cuts)]
    parts = replay_partitions(paths, PLAN, verifier=verifier)
    whole = sums_of(table, PLAN, verifier).figures("fixed")
    assert parts.success.mean == pytest.approx(whole.success.mean)
    assert parts.cost.mean == pytest.approx(whole.cost.mean)
    assert parts.asked == pytest.approx(whole.asked)
    assert parts.spent == pytest.approx(whole.spent)


def test_the_sample_does_not_depend_on_the_partitions(tmp_path: Path) -> None:
    table = world(2, 200)
    one = [saved(tmp_path / "all.csv", table)]
    two = [saved(tmp_path / f"{k}.csv", table.rows(slice(k * 100, k * 100 + 100))) for k in (0, 1)]
    a, b = sample_partitions(one, share=0.4), sample_partitions(two, share=0.4)
    assert list(a.tasks) == list(b.tasks)
    assert 40 <= len(a) <= 120
    assert a.outcome == pytest.approx(b.outcome)


def test_tables_of_different_tiers_merge_with_gaps() -> None:
    table = merged([world(3, 5), world(4, 5, 2)])
    assert len(table) == 10
    assert np.isnan(table.outcome[5:, 2]).all()


def test_no_partitions_are_an_error() -> None:
    with pytest.raises(InputError):
        replay_partitions([], PLAN)


def test_parquet_reads_as_csv_does(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    from pyarrow import parquet

    table = world(5, 30)
    rows = [(row, k) for row in range(30) for k in range(3)]
    columns = {
        "task_id": [table.tasks[row] for row, _ in rows],
        "model": [table.arms[k].tier for _, k in rows],
        "outcome": [float(table.outcome[row, k]) for row, k in rows],
        "cost_usd": [float(table.cost[row, k]) for row, k in rows],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "log.parquet")
    read = read_table(tmp_path / "log.parquet")
    assert read.arms == table.arms
    assert read.outcome == pytest.approx(table.outcome)
    assert read.cost == pytest.approx(table.cost)
