"""A bad log gets a clear answer from every command that reads logs: exit 2, what, where and how, and no figure.

`None` for a command means that the log is good enough for it: it says a figure, or names what it assumed.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cascade.cli.main import main
from tests.trace.support import run_of

HEAD = "task_id,model,outcome,cost_usd\n"
ROWS = [
    f"t{k},{tier},{(k + j) % 2},{0.01 * (j + 1)}\n"
    for k in range(40)
    for j, tier in enumerate(("flash", "pro"))
]
GOOD = HEAD + "".join(ROWS)
EVENTS = [json.loads(event.model_dump_json(by_alias=True)) for event in run_of(*(f"t{k}" for k in range(40)))]
CONFIG = """\
version: 1
tiers:
  flash: {model: flash, base_url: "http://127.0.0.1:9/v1", api_key: k, price: unknown}
  pro: {model: pro, base_url: "http://127.0.0.1:9/v1", api_key: k, price: unknown}
policy: {use: fixed, order: [flash]}
"""
ON_TABLES = ("replay", "tune", "train")
ON_TRACES = ("replay", "tune", "train", "report", "export")


def with_row(row: str) -> str:
    """The good table with another fifth row (line 6)."""
    return HEAD + "".join([*ROWS[:4], row, *ROWS[5:]])


def trace(
    change: Callable[[dict[str, object]], object] | None = None, event: str = "", first: int = 0
) -> str:
    """The good trace, events of one kind changed from the `first` on."""
    lines, seen = [], 0
    for one in EVENTS:
        copy = dict(one)
        if change is not None and copy["event"] == event:
            if seen >= first:
                change(copy)
            seen += 1
        lines.append(json.dumps(copy))
    return "\n".join(lines) + "\n"


def line_of(event: str, nth: int = 0) -> int:
    """The line of the nth event of a kind, from 1."""
    return [k + 1 for k, one in enumerate(EVENTS) if one["event"] == event][nth]


def only(*tasks: str) -> str:
    return "\n".join(json.dumps(one) for one in EVENTS if one["task_id"] in (None, *tasks)) + "\n"


LINES = trace().splitlines(keepends=True)
FINISHED = line_of("attempt.finished")
TABLES: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "empty|needs the columns"),
    "blank lines only": ("\n\n \n", "empty|needs the columns"),
    "header only": (HEAD, "no rows"),
    "missing column": ("task_id,model,cost_usd\na,b,1\n", r"bad\.csv:1: .*needs the column outcome"),
    "column twice": (
        GOOD.replace("outcome", "outcome,outcome", 1),
        r"bad\.csv:1: the column outcome stands there twice",
    ),
    "semicolons": (GOOD.replace(",", ";"), "(?s)needs the columns.*separate columns by commas"),
    "torn line": (GOOD + "t40,fla", r"bad\.csv:82: 2 fields where the header has 4: the line is torn"),
    "NaN": (with_row("t2,flash,nan,0.01\n"), r"bad\.csv:6: outcome is 'nan', not a number"),
    "NaN cost": (with_row("t2,flash,1,NaN\n"), r"bad\.csv:6: cost_usd is 'NaN', not a number"),
    "infinite outcome": (with_row("t2,flash,inf,0.01\n"), r"bad\.csv:6: the outcome inf is outside 0 to 1"),
    "outcome 1.5": (with_row("t2,flash,1.5,0.01\n"), r"bad\.csv:6: the outcome 1.5 is outside 0 to 1"),
    "negative cost": (with_row("t2,flash,1,-0.01\n"), r"bad\.csv:6: cost_usd is -0.01"),
    "infinite cost": (with_row("t2,flash,1,inf\n"), r"bad\.csv:6: cost_usd is inf"),
    "cost of 1e300": (
        with_row("t2,flash,1,1e300\n"),
        r"bad\.csv:6: cost_usd is 1e\+300, which no attempt costs",
    ),
    "decimal comma": (
        with_row('t2,flash,1,"0,01"\n'),
        r"(?s)bad\.csv:6: cost_usd is '0,01', not a number.*decimal point",
    ),
    "1_000": (with_row("t2,flash,1,1_000\n"), r"bad\.csv:6: cost_usd is '1_000', not a number"),
    "yes": (with_row("t2,flash,yes,0.01\n"), r"bad\.csv:6: outcome is 'yes'"),
    "blank id": (with_row(" ,flash,1,0.01\n"), r"bad\.csv:6: task_id is blank"),
    "blank model": (with_row("t2,,1,0.01\n"), r"bad\.csv:6: model is blank"),
    "NUL": (with_row("t\0,flash,1,0.01\n"), r"bad\.csv:6: task_id is not text"),
    "duplicate rows": (GOOD + ROWS[4], r"lines 6, 82 are all t2 by flash"),
    "one task 50 times": (HEAD + "a,flash,1,0.01\n" * 50, r"lines 2, 3, 4 are all a by flash"),
    "after a cell of two lines": (with_row('"t\n2",flash,2,0.01\n'), r"bad\.csv:6: the outcome 2"),
    "past blank lines": (HEAD + "\n\n" + "".join(ROWS[:4]) + "t2,flash,2,0\n", r"bad\.csv:8: the outcome 2"),
    "a cell of a million": (with_row("x" * 10**6 + ",flash,1,0.01\n"), r"bad\.csv:6: field larger than"),
    "a quote never closed": (with_row('"t2,flash,1,0.01\n'), r"bad\.csv:6: 1 fields|field larger"),
    "swapped columns": (
        HEAD + "".join(f"t{k},{m},0.0{k + 1},{k % 2}\n" for k in range(9) for m in ("flash", "pro")),
        "the two columns look swapped",
    ),
    "binary": (random.Random(1).randbytes(4000), "not UTF-8"),
    "UTF-16": (GOOD.encode("utf-16"), "not UTF-8"),
    "a JSON array": ('[{"task_id": "a"}]\n', "JSON array|needs the columns"),
    "cut gzip": (gzip.compress(GOOD.encode())[:-100], "damaged"),
    "attempts from 2": (
        "task_id,model,outcome,cost_usd,attempt\n" + "".join(f"{r.strip()},2\n" for r in ROWS),
        "attempt 1|first attempt",
    ),
    "attempts from 0": (
        "task_id,model,outcome,cost_usd,attempt\n" + "".join(f"{r.strip()},0\n" for r in ROWS),
        r"bad\.csv:2: attempt is '0'",
    ),
    "nothing checked": (HEAD + "".join(f"t{k},flash,,0.01\n" for k in range(40)), "no row has an outcome"),
}
SOME: dict[str, tuple[str, dict[str, str]]] = {
    "three tasks": (
        HEAD + "".join(ROWS[:6]),
        {"tune": "3 tasks are too few", "train": "3 tasks with an outcome"},
    ),
    "one tier": (HEAD + "".join(ROWS[::2]), {"tune": "one tier with costs"}),
    "no costs": (
        HEAD + "".join(f"{r.rsplit(',', 1)[0]},\n" for r in ROWS),
        {"replay": "does not hold the outcome or the cost", "tune": "no costs"},
    ),
    "all costs zero": (
        HEAD + "".join(f"{r.rsplit(',', 1)[0]},0\n" for r in ROWS),
        {"tune": "every cost in the log is 0"},
    ),
    "config's tier is not there": (GOOD.replace("flash", "nano"), {"replay": "the log has no tier flash"}),
}
TRACES: dict[str, tuple[str | bytes, str]] = {
    "unknown version": (
        trace(lambda e: e.update(schema=7), "attempt.finished"),
        rf":{FINISHED}: this is a trace of schema 7",
    ),
    "torn in the middle": ("".join([*LINES[:5], LINES[5][:40] + "\n", *LINES[6:]]), ":6: not JSON"),
    "negative cost": (
        trace(lambda e: e.update(cost_usd="-1"), "attempt.finished"),
        rf":{FINISHED}: .*cost_usd",
    ),
    "NaN cost": (trace(lambda e: e.update(cost_usd="NaN"), "attempt.finished"), rf":{FINISHED}: .*cost_usd"),
    "cost of 1e300": (
        trace(lambda e: e.update(cost_usd="1e300"), "attempt.finished"),
        rf":{FINISHED}: .*cost_usd",
    ),
    "attempt 0": (trace(lambda e: e.update(attempt=0), "attempt.finished"), rf":{FINISHED}: .*attempt"),
    "negative latency": (
        trace(lambda e: e.update(latency_s=-1), "attempt.finished"),
        rf":{FINISHED}: .*latency_s",
    ),
    "unknown event": (
        "".join([*LINES[:3], LINES[3].replace('"event": "', '"event": "un'), *LINES[4:]]),
        ":4: .*no event of this version",
    ),
    "unknown key": (trace(lambda e: e.update(surprise=1), "task.started"), ":2: .*knows no such key"),
    "results, not a trace": ('{"id": "a", "status": "accepted"}\n' * 5, "no event"),
}
SOME_TRACES: dict[str, tuple[str, dict[str, str]]] = {
    "empty": ("", dict.fromkeys(ON_TRACES, "empty|no event|needs the columns")),
    "attempts twice": (
        "".join([*LINES[:-1], *LINES[1:]]),
        {"replay": "is in the trace twice", "tune": "is in the trace twice"},
    ),
    "nothing checked": (
        trace(lambda e: e.update(verdict="unchecked"), "validation.finished"),
        {
            "replay": "no answer in the trace was checked",
            "tune": "no answer in the trace was checked",
            "train": "was checked",
        },
    ),
    "only failed calls": (
        "\n".join(
            json.dumps(e) for e in EVENTS if e["event"] not in ("attempt.finished", "validation.finished")
        )
        + "\n",
        {"replay": "no finished task", "tune": "no finished task", "train": "was checked"},
    ),
    "three tasks": (
        only("t0", "t1", "t2"),
        {"tune": "3 tasks are too few", "train": "3 tasks with an outcome"},
    ),
    "one tier": (trace(), {"tune": "one tier with costs"}),
    "no cost known": (
        trace(lambda e: e.update(cost_usd=None, charges=[]), "attempt.finished"),
        {"replay": "cost is not known", "tune": "no costs"},
    ),
}


def told(command: str, log: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """A command on a log: exit code, stdout, stderr."""
    config = folder / "config.yaml"
    config.write_text(CONFIG)
    words = {
        "replay": ["replay", log, "-c", config],
        "tune": ["tune", log, "--target-success", "0.4", "-o", folder / "tuned.yaml"],
        "train": ["train", log, "-o", folder / "classifier.json"],
        "report": ["report", log],
        "export": ["trace", "export", log, "--outcomes", folder / "table.csv"],
        "verify": ["trace", "verify", log],
    }[command]
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def written(folder: Path, content: str | bytes, name: str = "bad.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refused(result: tuple[int, str, str], says: str) -> None:
    """Exit 2, no figure, and an error with a reason and a hint."""
    code, out, err = result
    assert code == 2, (out, err)
    assert out == ""
    assert re.search(says, err), err
    assert "hint: " in err
    assert "Traceback" not in err


@pytest.mark.parametrize("command", ON_TABLES)
@pytest.mark.parametrize("kind", TABLES)
def test_a_table_that_cannot_be_meant_is_refused(
    kind: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, says = TABLES[kind]
    refused(told(command, written(tmp_path, content), tmp_path, capsys), says)


@pytest.mark.parametrize(("kind", "command"), [(kind, name) for kind in SOME for name in SOME[kind][1]])
def test_a_table_that_cannot_answer_is_refused(
    kind: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, says = SOME[kind]
    refused(told(command, written(tmp_path, content), tmp_path, capsys), says[command])


@pytest.mark.parametrize("command", ON_TRACES)
@pytest.mark.parametrize("kind", TRACES)
def test_a_trace_that_cannot_be_meant_is_refused_and_verify_names_the_fault(
    kind: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, says = TRACES[kind]
    path = written(tmp_path, content, "bad.jsonl")
    refused(told(command, path, tmp_path, capsys), says)
    code, out, err = told("verify", path, tmp_path, capsys)
    assert code in (1, 2)
    assert re.search(says, out + err)


@pytest.mark.parametrize(("kind", "command"), [(k, name) for k in SOME_TRACES for name in SOME_TRACES[k][1]])
def test_a_trace_that_cannot_answer_is_refused(
    kind: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, says = SOME_TRACES[kind]
    refused(told(command, written(tmp_path, content, "bad.jsonl"), tmp_path, capsys), says[command])


@pytest.mark.parametrize("command", [*ON_TRACES, "verify"])
def test_a_path_that_is_not_there_is_bad_input(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = told(command, tmp_path / "none", tmp_path, capsys)
    assert (code, out) == (2, "")
    assert "cannot read" in err


@pytest.mark.parametrize("command", ["report", "export", "train"])
def test_a_folder_is_no_trace(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = told(command, tmp_path, tmp_path, capsys)
    assert (code, out) == (2, "")
    assert "directory" in err or "folder" in err


def test_an_empty_trace_is_not_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told("verify", written(tmp_path, "", "t.jsonl"), tmp_path, capsys)
    assert code == 1
    assert "holds no event" in out


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xef\xbb\xbf" + GOOD.encode(), "40 tasks"),
        (GOOD.replace("\n", "\r\n").encode(), "40 tasks"),
        (gzip.compress(GOOD.encode()), "40 tasks"),
        (GOOD.replace("t3,", '"t,\n\u2603",').encode(), "40 tasks"),
        (GOOD.replace(",flash,", ", flash ,", 3).encode(), "40 tasks"),
        (GOOD.rstrip("\n").encode(), "the last line has no end"),
        ((HEAD + "".join(ROWS[:6])).encode(), "3 tasks: figures this few say little"),
        (GOOD.replace("t2,pro,1,0.02\n", "").encode(), r"no figures where .*always:pro \(1 tasks\)"),
        (
            (HEAD + "".join(f"{r.rsplit(',', 1)[0]},0\n" for r in ROWS)).encode(),
            "every cost in this log is 0",
        ),
    ],
    ids=[
        "BOM",
        "CRLF",
        "gzip",
        "odd ids",
        "spaces",
        "no last line end",
        "three tasks",
        "a gap",
        "all costs zero",
    ],
)
def test_what_is_odd_but_meant_is_read_and_said(
    content: bytes, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = told("replay", written(tmp_path, content), tmp_path, capsys)
    assert code == 0, err
    assert re.search(says, out), out


def test_two_runs_of_a_task_count_as_one_task(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = trace().replace(EVENTS[0]["run_id"], "f" * 32)
    path = written(tmp_path, trace() + again, "t.jsonl")
    code, out, _ = told("replay", path, tmp_path, capsys)
    assert code == 0
    assert out.startswith("40 tasks")
    assert "40 runs are of tasks that ran before" in out


def test_a_torn_last_line_and_an_order_mark_of_a_trace_are_read_past(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, b"\xef\xbb\xbf" + trace().encode() + b'{"schema": 1, "ev', "t.jsonl")
    code, out, err = told("replay", path, tmp_path, capsys)
    assert code == 0, err
    assert "the last line is torn and left out" in out


@pytest.mark.parametrize("kind", ["NaN", "words", "list", "blank id"])
def test_a_bad_parquet_table_is_refused(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    from pyarrow import parquet

    columns: dict[str, list[object]] = {
        "task_id": ["a", "b"],
        "model": ["flash"] * 2,
        "outcome": [1.0, 0.0],
        "cost_usd": [0.1, 0.2],
    }
    name, values, says = {
        "NaN": ("outcome", [float("nan"), 1.0], "row 1: outcome is NaN"),
        "words": ("cost_usd", ["x", "y"], "cost_usd holds string, not numbers"),
        "list": ("model", [["flash"], ["pro"]], "not a Parquet file of an outcome table"),
        "blank id": ("task_id", ["a", None], "row 2: task_id is blank"),
    }[kind]
    parquet.write_table(pyarrow.table({**columns, name: values}), tmp_path / "bad.parquet")
    refused(told("replay", tmp_path / "bad.parquet", tmp_path, capsys), says)
