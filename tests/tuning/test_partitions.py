"""A log gives the same figures and the same tuned config however it is cut into partitions."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cascade.cli.replay import replay
from cascade.cli.tune import tune
from cascade.errors import CascadeError, InputError, StorageError, UsageError
from cascade.replay.parts import Held, OneByOne, Part
from cascade.replay.plans import FixedPlan
from cascade.replay.read_parts import PartedLog, read_parts
from cascade.replay.replay_parts import replay_parts
from cascade.replay.table import OutcomeTable
from cascade.tuning.estimates import FitSettings
from cascade.tuning.families import Space
from cascade.tuning.goal import Goal
from cascade.tuning.tune import Settings, Tuned, tune_parts
from cascade.tuning.write import write_config
from tests.laws import first
from tests.replay.partitions import CHECKED, HEAD, checked, cut, rows_of, saved
from tests.replay.worlds import TIERS, world

CONFIG = """version: 1
tiers:
  cheap: {model: m, base_url: "http://localhost:1/v1", price: unknown}
  middle: {model: m, base_url: "http://localhost:1/v1", price: unknown}
  strong: {model: m, base_url: "http://localhost:1/v1", price: unknown}
policy: {use: threshold, start: 0.3, default_attempts: 1}
"""
SMALL, LARGE = world(1, 90), world(2, 3200)
QUICK = Settings(space=Space(fit=FitSettings(rounds=6, classes=5), longest=3))
GOALS = [
    Goal(kind="success", amount=0.75),
    Goal(kind="success", tier="strong"),
    Goal(kind="cost", amount=0.03),
    Goal(kind="value", amount=0.4),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "c.yaml").write_text(CONFIG)
    return tmp_path


def replayed(folder: Path, log: Path, *more: str) -> dict[str, Any]:
    words = [str(log), "-c", str(folder / "c.yaml"), "--json", *more]
    result = CliRunner().invoke(replay, words, catch_exceptions=False)
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def alike(one: Any, other: Any) -> None:
    """The same document, numbers to 1e-9."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        for name in one:
            alike(one[name], other[name])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            alike(a, b)
    else:
        assert one == (pytest.approx(other, rel=1e-9) if isinstance(one, float) else other)


@pytest.mark.parametrize("rates", [False, True], ids=["binary", "rates"])
@pytest.mark.parametrize(
    "more", first([[], ["--verifier", "90/80"], ["--cost", "middle=0.02"]], keep=2), ids=str
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(1, 7), seed=st.integers(0, 2**32))
def test_any_cut_replays_to_the_document_of_one_table(
    folder: Path, rates: bool, more: list[str], count: int, seed: int
) -> None:
    rows = rows_of(world(1, 90, rates=rates), blank=0.1)
    whole = replayed(folder, saved(folder / "one.csv", rows), *more)
    with TemporaryDirectory() as name:
        alike(replayed(folder, cut(Path(name), rows, count=count, seed=seed), *more), whole)
    assert [one["name"] for one in whole["policies"]] == [
        "config",
        *[f"always:{tier}" for tier in TIERS],
        "random",
        "fixed",
        "oracle",
    ]


@pytest.mark.parametrize("known", [True, False], ids=["truth", "verdicts only"])
def test_verdicts_of_validators_are_those_of_one_table(folder: Path, known: bool) -> None:
    rows = checked(rows_of(SMALL))
    if not known:
        blank = [[line.split(",") for line in lines] for lines in rows]
        rows = [[",".join([*line[:2], "", *line[3:]]) for line in lines] for lines in blank]
    whole = replayed(folder, saved(folder / "one.csv", rows, head=CHECKED))
    assert whole["checks"]["seconds"]["lint"] == pytest.approx(0.5, abs=0.1)
    alike(replayed(folder, cut(folder / "log", rows, count=4, seed=5, head=CHECKED)), whole)


def in_parts(table: OutcomeTable, sizes: list[int]) -> PartedLog:
    bounds = [0, *sorted({min(size, len(table)) for size in sizes}), len(table)]
    parts = [table.part(slice(a, b)) for a, b in pairwise(bounds)]
    return PartedLog(Held(tuple(Part.of(part) for part in parts)), table.part(slice(0, 0)))


def written(tuned: Tuned) -> list[bytes]:
    with TemporaryDirectory() as name:
        return [path.read_bytes() for path in write_config(tuned, Path(name) / "tuned.yaml", log="log")]


@pytest.mark.parametrize("table", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("goal", first(GOALS), ids=str)
def test_the_tuned_config_is_the_same_byte_for_byte(table: OutcomeTable, goal: Goal) -> None:
    wanted = tune_parts(in_parts(table, []), goal, QUICK)
    cuts = tune_parts(in_parts(table.rows(slice(None, None, -1)), [1, 40, 41, 1500]), goal, QUICK)
    assert written(cuts) == written(wanted)
    alike(cuts.report.document(), wanted.report.document())
    assert cuts.met_probability == wanted.met_probability
    assert cuts.advice == wanted.advice
    assert cuts.sizes == wanted.sizes


@settings(max_examples=5, deadline=None)
@given(cuts=st.lists(st.integers(0, 3200), max_size=6), seed=st.integers(0, 2**32))
def test_any_cut_tunes_to_the_same_config(cuts: list[int], seed: int) -> None:
    order = sorted(range(len(LARGE)), key=lambda k: (k * 7919 + seed) % 3203)
    found = tune_parts(in_parts(LARGE.rows(order), cuts), GOALS[0], QUICK)  # type: ignore[arg-type]
    assert written(found) == written(tune_parts(in_parts(LARGE, []), GOALS[0], QUICK))


@pytest.mark.parametrize(
    ("n", "extra"), first([(120, "texts"), (3100, "checks"), (120, ""), (3100, "")], keep=2)
)
def test_the_command_tunes_a_folder_as_it_does_one_table(tmp_path: Path, n: int, extra: str) -> None:
    rows, head = rows_of(world(3, n), blank=0.02), HEAD
    if extra == "checks":
        rows, head = checked(rows), CHECKED
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text(
        "".join(
            f'{{"id": "{lines[0].split(",")[0]}", "prompt": "do {k % 9}"}}\n' for k, lines in enumerate(rows)
        )
    )
    one = saved(tmp_path / "log", rows, head=head)
    many = cut(tmp_path / "cut" / "log", rows, count=7, seed=1, head=head)
    texts = []
    for name, log in (("a", one), ("b", many)):
        config = tmp_path / name / "tuned.yaml"
        config.parent.mkdir()
        words = [str(log), "--value", "0.5", "-o", str(config), "--json"]
        words += ["--tasks", str(tasks)] if extra == "texts" else []
        assert CliRunner().invoke(tune, words, catch_exceptions=False).exit_code == 0
        texts.append([path.read_bytes() for path in sorted(config.parent.iterdir())])
    assert len(texts[0]) == 2
    assert texts[0] == texts[1]


def test_parts_laid_aside_give_what_parts_in_memory_give(tmp_path: Path) -> None:
    rows = rows_of(SMALL)
    paths = sorted(cut(tmp_path / "log", rows, count=3, seed=0).glob("part*"))
    laid = OneByOne(tmp_path / "aside", tuple(paths))
    laid.folder.mkdir()
    plan = FixedPlan(SMALL.arms[:2])
    documents = []
    for sources in (Held(tuple(paths)), laid):
        log = read_parts(sources)
        documents.append(replay_parts(log.parts, plan, about=log.about).document())
    assert documents[0] == documents[1]
    assert len(list(laid.folder.iterdir())) == 6  # as read, and as put together


def test_a_folder_for_parts_that_is_full_is_an_error_of_ours(tmp_path: Path) -> None:
    laid = OneByOne(tmp_path, (1, 2))
    (tmp_path / "0").mkdir()
    (tmp_path / "1").mkdir()
    (tmp_path / "3").mkdir()
    with pytest.raises(StorageError, match="lay a part of the log aside"):
        laid.kept(str)


BAD: list[tuple[str, dict[str, str], str, type[CascadeError]]] = [
    ("empty", {}, "holds no outcome table", InputError),
    ("only hidden", {"_SUCCESS": "", ".part.csv.crc": "x"}, "holds no outcome table", InputError),
    (
        "columns",
        {"a.csv": HEAD + "t,m,1,1,1\n", "b.csv": "task_id,model,outcome\nu,m,1\n"},
        r"a\.csv has the column calls, and .*b\.csv has not",
        InputError,
    ),
    (
        "twice",
        {"a.csv": HEAD + "t,m,1,1,1\n", "b.csv": HEAD + "u,m,1,1,1\nt,n,1,1,1\n"},
        r"the task t is in .*a\.csv and in .*b\.csv",
        InputError,
    ),
    ("torn", {"a.csv": HEAD + "t,m,1,1,1\n", "b.csv": HEAD + "u,m,1\n"}, r"b\.csv:2: 3 fields", InputError),
    ("no gzip", {"a.csv": HEAD + "t,m,1,1,1\n", "b.csv.gz": "\x1f\x8b"}, r"b\.csv\.gz: ", InputError),
    ("no Parquet", {"a.parquet": "PAR1 and no more"}, r"a\.parquet: not a Parquet file", InputError),
    (
        "no outcomes",
        {"a.csv": HEAD + "t,m,,1,1\n", "b.csv": HEAD + "u,m,,1,1\n"},
        "no row has an outcome",
        InputError,
    ),
    ("no rows", {"a.csv": HEAD, "b.csv": HEAD}, "a header and no rows", InputError),
    (
        "a trace",
        {"a.csv": HEAD + "t,m,1,1,1\n", "run.jsonl": "{}"},
        r"run\.jsonl: the partitions of a log",
        InputError,
    ),
    (
        "a bad cost",
        {"a.csv": HEAD + "t,m,1,1,1\n", "b.csv": HEAD + "u,m,1,-1,1\n"},
        r"b\.csv:2: cost_usd",
        InputError,
    ),
]


@pytest.mark.parametrize(("files", "says", "kind"), [one[1:] for one in BAD], ids=[one[0] for one in BAD])
def test_a_folder_that_cannot_be_meant_gets_a_clear_answer(
    folder: Path, files: dict[str, str], says: str, kind: type[CascadeError]
) -> None:
    log = folder / "log"
    log.mkdir()
    for name, text in files.items():
        (log / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(kind, match=says):
        replayed(folder, log)


def test_stages_in_another_order_are_not_guessed_at(folder: Path) -> None:
    head = "task_id,model,stage,outcome,cost_usd\n"
    saved(folder / "log/a.csv", [["t,m,one,0,1\n", "t,m,two,1,2\n"]], head=head)
    saved(folder / "log/b.csv", [["u,m,two,1,2\n", "u,m,one,0,1\n"]], head=head)
    with pytest.raises(InputError, match="its stages come as two, one"):
        replayed(folder, folder / "log")


def test_empty_parts_and_columns_that_one_part_spoils_are_as_in_one_table(folder: Path) -> None:
    rows = rows_of(SMALL)
    spoilt = [
        [line.replace(f",{row % 7 + k}\n", ",much\n") for k, line in enumerate(lines)]
        for row, lines in enumerate(rows[:5])
    ]
    saved(folder / "log/a.csv", spoilt)
    saved(folder / "log/b.csv", [])
    saved(folder / "log/deeper/c.csv", rows[5:])
    found = replayed(folder, folder / "log")
    assert "column calls is left out: it does not hold numbers" in found["support"]["notes"]
    alike(found, replayed(folder, saved(folder / "one.csv", spoilt + rows[5:])))


def test_ray_is_for_tables(folder: Path) -> None:
    trace = folder / "run.jsonl"
    trace.write_text('{"schema": 1}\n')
    with pytest.raises(UsageError, match="--ray is for outcome tables"):
        replayed(folder, trace, "--ray")


def test_without_ray_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'cascade-router\[ray\]'"):
        replayed(folder, cut(folder / "log", rows_of(SMALL), count=2, seed=0), "--ray")


def test_parquet_partitions_are_those_of_csv(folder: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    from pyarrow import csv, parquet

    rows = rows_of(SMALL, blank=0.1)
    many = cut(folder / "log", rows, count=4, seed=3)
    (folder / "parquet").mkdir()
    for path in many.glob("part*"):
        table = csv.read_csv(path)
        parquet.write_table(table, folder / "parquet" / f"{path.name}.parquet")
    assert pyarrow.__version__
    alike(replayed(folder, folder / "parquet"), replayed(folder, many))


def test_parts_on_ray_give_the_same(folder: Path) -> None:
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    many = cut(folder / "log", rows_of(SMALL), count=3, seed=4)
    alike(replayed(folder, many, "--ray"), replayed(folder, many))
    saved(many / "part-9.csv", rows_of(SMALL)[:1])
    with pytest.raises(InputError, match=r"the task \S+ is in .*part-"):
        replayed(folder, many, "--ray")
