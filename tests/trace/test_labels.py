"""Ground truth joins the answers of a trace, is appended to it, and errors say which row fits no answer."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cascade.cli.trace import trace as command
from cascade.errors import CascadeError, InputError, StorageError
from cascade.replay.read_table import read_table
from cascade.replay.read_trace import read_episodes
from cascade.trace import Label, label_trace, read_labels, read_trace, truths, verify
from cascade.trace.events import Event, ValidationFinished
from cascade.trace.outcomes import rows, write_outcomes
from cascade.trace.sink import JsonLinesSink
from tests.trace.support import run_of


def saved(path: Path, events: Sequence[Event]) -> Path:
    with JsonLinesSink(path, sync=False) as sink:
        for event in events:
            sink.emit(event)
    return path


def truth(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "truth.csv"
    path.write_text(text)
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two tasks of two attempts each, the second of which passed and was given back."""
    return saved(tmp_path / "t.jsonl", run_of("a", "b", attempts=2))


def test_a_label_without_model_and_attempt_is_of_the_answer_that_was_given_back(
    tmp_path: Path, log: Path
) -> None:
    found = truths(read_trace(log).events, read_labels(truth(tmp_path, "task_id,outcome\na,0\nb,1\n")))
    assert {(key.task_id, key.attempt): outcome for key, outcome in found.items()} == {
        ("a", 2): 0.0,
        ("b", 2): 1.0,
    }


@pytest.mark.parametrize(
    "row", ["task_id,outcome,model,attempt\na,0.5,flash,1\n", "task_id,outcome,attempt\na,0.5,1\n"]
)
def test_a_label_names_an_attempt_by_the_tiers_count_or_the_tasks(
    tmp_path: Path, log: Path, row: str
) -> None:
    (key,) = truths(read_trace(log).events, read_labels(truth(tmp_path, row)))
    assert (key.task_id, key.attempt) == ("a", 1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("task_id,outcome\nzzz,1\n", r"truth\.csv:2: the trace has no task 'zzz'"),
        ("task_id,outcome,model\na,1,pro\n", r"truth\.csv:2: task 'a' has no answer 1 by pro"),
        ("task_id,outcome,attempt\na,1,9\n", r"has no answer 9"),
        (
            "task_id,outcome,attempt\na,1,2\na,1,\n",
            r"truth\.csv:3 and .*truth\.csv:2 are about the same answer",
        ),
        ("task_id,outcome\na,1.5\n", r"truth\.csv:2: the outcome '1\.5' is no number from 0 to 1"),
        ("task_id,outcome\na,nan\n", "is no number from 0 to 1"),
        ("task_id,outcome\na,right\n", "is no number from 0 to 1"),
        ("task_id,outcome,attempt\na,1,first\n", "attempt is 'first'"),
        ("task_id,outcome,atempt\na,1,1\n", "the column atempt is not known"),
        ("task_id,verdict\na,1\n", "the column outcome is missing"),
        ("task_id,outcome,outcome\na,1,1\n", "stands there twice"),
        ("task_id,outcome\na,\n", "no row has an outcome"),
        ("", "the column task_id is missing"),
        ("task_id,outcome\na\n", "1 fields where the header has 2"),
        ("task_id,outcome,run_id\na,1,other\n", "no task 'a' in run other"),
    ],
)
def test_a_truth_that_fits_no_answer_is_refused_with_its_place(
    tmp_path: Path, log: Path, text: str, says: str
) -> None:
    before = log.read_bytes()
    with pytest.raises(InputError, match=says):
        label_trace(log, read_labels(truth(tmp_path, text)))
    assert log.read_bytes() == before


def test_two_runs_of_one_task_need_the_run_named(tmp_path: Path) -> None:
    first, second = run_of("a"), run_of("a")
    log = saved(tmp_path / "t.jsonl", [*first, *second])
    with pytest.raises(InputError, match="holds 2 runs of task 'a'"):
        label_trace(log, [Label(task_id="a", outcome=1)])
    assert label_trace(log, [Label(task_id="a", outcome=1, run_id=second[0].run_id)]).added == 1


def test_labels_are_appended_once_and_the_last_one_counts(tmp_path: Path, log: Path) -> None:
    labels = read_labels(truth(tmp_path, "task_id,outcome\na,0\nb,1\n"))
    assert label_trace(log, labels, source="review").added == 2
    size = log.stat().st_size
    assert label_trace(log, labels).known == 2
    assert log.stat().st_size == size
    again = label_trace(log, [Label(task_id="a", outcome=1)])
    assert (again.added, again.changed) == (0, 1)
    assert set(truths(read_trace(log).events).values()) == {1.0}
    assert verify(read_trace(log, strict=False)).ok


def test_a_label_of_no_attempt_is_a_fault_of_the_trace(log: Path) -> None:
    label_trace(log, [Label(task_id="a", outcome=1)])
    text = log.read_text().replace('"event":"outcome.labelled"', '"event":"outcome.labelled" ')
    log.write_text(
        text.replace('"attempt":2,"tier":"flash","outcome"', '"attempt":7,"tier":"flash","outcome"')
    )
    (problem,) = verify(read_trace(log, strict=False)).problems
    assert "label of attempt 7" in problem.message


def test_a_trace_that_is_being_written_or_packed_is_left_alone(tmp_path: Path, log: Path) -> None:
    with JsonLinesSink(log), pytest.raises(StorageError, match="being written by another run"):
        label_trace(log, [Label(task_id="a", outcome=1)])
    packed = tmp_path / "t.jsonl.gz"
    packed.write_bytes(gzip.compress(log.read_bytes()))
    with pytest.raises(StorageError, match="gzipped"):
        label_trace(packed, [Label(task_id="a", outcome=1)])
    assert read_episodes(packed, labels=[Label(task_id="a", outcome=1)]).table.accepted is not None


def test_a_torn_last_line_is_cut_off_before_the_labels(tmp_path: Path, log: Path) -> None:
    with log.open("ab") as file:
        file.write(b'{"schema": 1, "event": "task.st')
    label_trace(log, [Label(task_id="b", outcome=0)])
    assert read_trace(log).torn is None
    assert list(truths(read_trace(log).events).values()) == [0.0]


def test_the_command_says_what_it_did_and_exits_2_for_a_bad_file(tmp_path: Path, log: Path) -> None:
    good = truth(tmp_path, "task_id,outcome\na,0\nb,1\n")
    ran = CliRunner().invoke(command, ["label", str(log), str(good)])
    assert (ran.exit_code, ran.output) == (0, f"2 answers labelled in {log}\n")
    with pytest.raises(CascadeError) as caught:
        CliRunner().invoke(
            command,
            ["label", str(log), str(truth(tmp_path, "task_id,outcome\nx,1\n"))],
            catch_exceptions=False,
        )
    assert caught.value.exit_code == 2


def checked(names: dict[str, str], verdict: str, *, skipped: tuple[str, ...] = ()) -> dict[str, object]:
    said = [{"name": name, "status": status, "latency_s": 0.5} for name, status in names.items()]
    return {"verdict": verdict, "validators": said, "skipped": skipped}


def judged_run() -> list[Event]:
    """`a` is rejected by ruff (pytest did not run), then passes; `b`'s first answer holds no code."""
    verdicts = {
        ("a", 1): checked({"ruff": "failed"}, "failed"),
        ("a", 2): checked({"ruff": "passed"}, "passed", skipped=("pytest",)),
        ("b", 1): checked({"extract": "failed"}, "failed"),
        ("b", 2): checked({"ruff": "passed", "pytest": "passed"}, "passed"),
    }
    return [
        event.model_copy(update=dict(_validated(event, verdicts)))
        if isinstance(event, ValidationFinished)
        else event
        for event in run_of("a", "b", attempts=2)
    ]


def _validated(
    event: ValidationFinished, verdicts: dict[tuple[str, int], dict[str, object]]
) -> dict[str, object]:
    given = ValidationFinished.model_validate(
        {**event.model_dump(by_alias=True), **verdicts[event.task_id or "", event.attempt]}
    )
    return {name: getattr(given, name) for name in ("verdict", "validators", "skipped")}


def test_truth_and_verdicts_of_a_trace_stand_apart_by_task_and_validator(tmp_path: Path) -> None:
    log = saved(tmp_path / "t.jsonl", judged_run())
    table = read_episodes(log, labels=[Label(task_id="a", outcome=0), Label(task_id="b", outcome=1)]).table
    assert table.accepted is not None
    assert np.array_equal(table.outcome, np.array([[np.nan, 0], [np.nan, 1]]), equal_nan=True)
    assert table.accepted.tolist() == [[0, 1], [0, 1]]
    assert np.array_equal(table.verdicts["ruff"], [[0, 1], [0, 1]])
    # What did not run is not known, what had nothing to check let it pass, what is no code fails every check.
    assert np.array_equal(table.verdicts["pytest"], np.array([[np.nan, 1], [0, 1]]), equal_nan=True)
    assert list(table.verdicts) == ["ruff", "pytest"]
    assert table.check_seconds == {"ruff": 0.5, "pytest": 0.5}


def test_without_truth_a_trace_reads_as_before_and_says_so(tmp_path: Path) -> None:
    table = read_episodes(saved(tmp_path / "t.jsonl", judged_run())).table
    assert table.accepted is None
    assert table.outcome.tolist() == [[0, 1], [0, 1]]
    assert any("no ground truth is logged" in note for note in table.notes)


def test_a_trace_with_truth_is_exported_with_it_and_reads_back_the_same(tmp_path: Path) -> None:
    log = saved(tmp_path / "t.jsonl", judged_run())
    labels = [Label(task_id="a", outcome=0), Label(task_id="b", outcome=1, attempt=1)]
    out = tmp_path / "o.csv"
    write_outcomes(read_trace(log).events, out, labels)
    told, table = read_episodes(log, labels=labels).table, read_table(out)
    assert table.accepted is not None
    assert told.accepted is not None
    assert np.array_equal(table.outcome, told.outcome, equal_nan=True)
    assert np.array_equal(table.accepted, told.accepted)
    for name, values in told.verdicts.items():
        assert np.array_equal(table.verdicts[name], values, equal_nan=True)
    with out.open() as file:
        assert {"verdict", "verdict:ruff", "latency:ruff"} <= set(next(csv.reader(file)))
    assert "verdict" not in rows(read_trace(log).events)[0]
