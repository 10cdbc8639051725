"""A log is read as it is meant, and a bad one gets a clear answer with its place."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from cascade.errors import CascadeError, InputError, SupportError
from cascade.policy.steps import Step
from cascade.replay.log import read_log
from cascade.replay.prepare import complete, priced
from cascade.replay.read_table import read_table

HEAD = "task_id,model,outcome,cost_usd\n"


def written(tmp_path: Path, text: str, name: str = "log.csv") -> Path:
    path = tmp_path / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz"])
def test_a_table_is_pivoted_by_task_and_tier(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, HEAD + "a,pro,1,0.2\na,flash,0,0.1\nb,flash,0.5,0.1\n", name)
    table = read_log(path).table
    assert list(table.tasks) == ["a", "b"]
    assert table.tiers == ("flash", "pro")
    assert table.outcome[0].tolist() == [1.0, 0.0]
    assert np.isnan(table.outcome[1, 0])


def test_attempts_what_they_were_shown_and_figures_are_told_apart(tmp_path: Path) -> None:
    head = "task_id,model,attempt,after,history,outcome,cost_usd,tokens,who\n"
    rows = "a,flash,1,,,0,0.1,5,x\na,flash,2,flash,diagnostics,1,0.1,7,y\n"
    table = read_table(written(tmp_path, head + rows))
    assert table.arms == (Step("flash"), Step("flash", 2, "flash", "diagnostics"))
    assert list(table.figures) == ["tokens"]
    assert "column who is left out: it does not hold numbers" in table.notes


def test_a_later_stage_counts_by_what_it_added(tmp_path: Path) -> None:
    head = "task_id,model,stage,outcome\n"
    table = read_table(
        written(tmp_path, head + "a,m,codegen,0.2\na,m,repair,0.6\nb,m,codegen,1\nb,m,repair,1\n")
    )
    assert table.arms == (Step("m"), Step("m", 2))
    assert table.outcome[0].tolist() == pytest.approx([0.2, 0.5])
    assert np.isnan(table.outcome[1, 1])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("task_id,model\n", "needs the column outcome"),
        (HEAD, "no rows"),
        (HEAD + "a,flash,1,0.1\nb,fla", r"log\.csv:3: 2 fields where the header has 4: the line is torn"),
        (HEAD + "a,flash,yes,0.1\n", r"log\.csv:2: outcome is 'yes'"),
        (HEAD + "a,flash,nan,0.1\n", r"log\.csv:2: outcome is 'nan'"),
        (HEAD + "a,flash,1.5,0.1\n", r"log\.csv:2: the outcome 1.5 is outside"),
        (HEAD + "a,flash,1,-0.1\n", r"log\.csv:2: cost_usd is -0.1"),
        (HEAD + "a,flash,1,inf\n", r"log\.csv:2: cost_usd is inf"),
        (HEAD + "a,flash,1,0.1\na,pro,1,0.1\na,flash,0,0.1\n", "lines 2, 4 are all a by flash"),
        ("task_id,model,outcome,outcome\na,b,1,1\n", "stands there twice"),
        (HEAD + "a,flash,,0.1\n", "no row has an outcome"),
        ('{"schema": 7, "event": "run.started"}\n{"schema": 7}\n', "schema 7"),
        ('{"schema": 1, "event": "nonsense"}\n{"a": 1}\n{"b": 2}\n', r"log\.csv:1"),
    ],
)
def test_a_bad_log_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(CascadeError, match=says):
        read_log(written(tmp_path, text))


def test_a_cut_gzip_is_told(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress((HEAD + "a,flash,1,0.1\n" * 500).encode())[:-20])
    with pytest.raises(InputError, match="cut short"):
        read_log(path)


def test_a_missing_file_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the log"):
        read_log(tmp_path / "none.csv")


def test_an_unchecked_answer_is_not_a_failure(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, HEAD + "a,flash,,0.1\nb,flash,1,0.1\n"))
    assert np.isnan(table.outcome[0, 0])
    assert any("could not be checked" in note for note in table.notes)


def test_an_unknown_cost_stays_unknown_unless_given_or_known_elsewhere(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, HEAD + "a,flash,1,0.1\nb,flash,1,\na,pro,1,\nb,pro,1,\n"))
    filled = priced(table)
    assert filled.cost[:, 0].tolist() == [0.1, 0.1]
    assert any("counted at its mean" in note for note in filled.notes)
    assert np.isnan(filled.cost[:, 1]).all()
    assert priced(table, {"pro": 0.5}).cost[:, 1].tolist() == [0.5, 0.5]
    with pytest.raises(InputError, match="no tier best"):
        priced(table, {"best": 1.0})


def test_tasks_with_gaps_are_left_out_and_named(tmp_path: Path) -> None:
    rows = "".join(f"t{k},flash,0,0.1\n" + (f"t{k},pro,1,0.2\n" if k < 8 else "") for k in range(10))
    whole = complete(read_table(written(tmp_path, HEAD + rows)))
    assert len(whole) == 8
    assert any("2 of 10 tasks" in note for note in whole.notes)
    few = "".join(f"t{k},flash,0,0.1\n" + (f"t{k},pro,1,0.2\n" if k < 2 else "") for k in range(10))
    with pytest.raises(SupportError, match="only 20%"):
        complete(read_table(written(tmp_path, HEAD + few, "few.csv")))
