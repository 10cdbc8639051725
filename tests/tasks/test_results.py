"""Results are written line by line, survive a crash, and say what is finished."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import InputError, StorageError, UsageError
from cascade.results import ResultsWriter, read_finished, read_records, result_record
from cascade.types import Attempt, Diagnostic, Report, Result, Usage, Verdict

VERDICT = Verdict.of([Report(name="ruff", status="failed", diagnostics=(Diagnostic(message="no", line=3),))])
ATTEMPT = Attempt(
    number=1,
    tier="flash",
    model="m",
    output="long text",
    verdict=VERDICT,
    usage=Usage(input=10, output=2),
    cost_usd=Decimal("0.0000012"),
)


def result(name: str = "a", **more: object) -> Result:
    fields: dict[str, object] = {
        "id": name,
        "status": "rejected",
        "output": "text",
        "files": {"x.py": "1"},
        "tier": "flash",
        "attempts": (ATTEMPT,),
        "cost_usd": Decimal("0.0000012"),
    }
    return Result(**{**fields, **more})  # type: ignore[arg-type]


def test_a_line_has_the_keys_of_the_contract() -> None:
    record = result_record(result())
    wanted = {
        "id",
        "status",
        "tier",
        "output",
        "files",
        "attempts",
        "cost_usd",
        "latency_s",
        "verdict",
        "error",
    }
    assert wanted <= set(record)
    assert record["cost_usd"] == "0.0000012", "a decimal string, not in powers of ten"
    assert record["verdict"]["reports"][0]["diagnostics"][0]["line"] == 3
    assert "long text" not in json.dumps(record["attempts"])
    assert "text" not in json.dumps(result_record(result(), content=False))


def test_an_unknown_cost_is_null_and_not_zero() -> None:
    assert result_record(result(cost_usd=None))["cost_usd"] is None


def test_each_line_is_on_disk_as_soon_as_it_is_written(tmp_path: Path) -> None:
    with ResultsWriter(tmp_path / "out" / "r.jsonl") as writer:
        writer.write(result("a"))
        assert [record["id"] for record in read_records(tmp_path / "out" / "r.jsonl")] == ["a"]
        writer.write(result("b"))
    assert list(read_finished(tmp_path / "out" / "r.jsonl")) == ["a", "b"]


def test_what_is_there_is_not_overwritten_unless_resumed(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with ResultsWriter(path) as writer:
        writer.write(result("a"))
    with pytest.raises(UsageError, match="holds results already"):
        ResultsWriter(path)
    with ResultsWriter(path, resume=True) as writer:
        writer.write(result("b"))
    assert list(read_finished(path)) == ["a", "b"]


@given(cut=st.integers(0, 400))
def test_a_line_torn_anywhere_is_not_finished_and_is_mended_on_resume(
    cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "torn.jsonl"
    path.unlink(missing_ok=True)
    with ResultsWriter(path) as writer:
        writer.write(result("a"))
        whole = path.stat().st_size
        writer.write(result("b"))
    raw = path.read_bytes()
    path.write_bytes(raw[: whole + min(cut, len(raw) - whole - 1)])
    # A line without its end may be whole JSON; then it counts for reading, and resuming writes it again.
    assert next(iter(read_finished(path))) == "a"
    with ResultsWriter(path, resume=True) as writer:
        writer.write(result("b"))
    assert path.read_bytes() == raw


def test_a_broken_line_in_the_middle_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('{"id": "a", "status": "accepted"}\n{"id": \n{"id": "b", "status": "accepted"}\n')
    with pytest.raises(InputError, match=r"r\.jsonl:2: is not JSON"):
        read_finished(path)
    path.write_text('{"name": "a"}\n')
    with pytest.raises(InputError, match="result 1 has no id or status"):
        read_finished(path)
    assert read_finished(tmp_path / "none.jsonl") == {}


def test_the_last_line_of_an_id_counts(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with ResultsWriter(path) as writer:
        writer.write(result("a", status="error"))
        writer.write(result("a", status="accepted"))
    assert read_finished(path)["a"].status == "accepted"


def test_a_place_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="cannot write results"):
        ResultsWriter(tmp_path / "file" / "r.jsonl")
    writer = ResultsWriter(tmp_path / "r.jsonl")
    writer.close()
    writer.close()
    with pytest.raises(StorageError, match="it is closed"):
        writer.write(result())
    with pytest.raises(StorageError, match="no space left"), ResultsWriter("/dev/full") as full:
        full.write(result())
