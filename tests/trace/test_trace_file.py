"""A trace file survives crashes, is written by one run at a time, and holds no secret."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import InputError, StorageError
from cascade.trace import (
    Event,
    JsonLinesSink,
    MemorySink,
    NullSink,
    Redactor,
    RunStarted,
    Scope,
    content_of,
    messages_sha256,
    new_run_id,
    new_span_id,
    new_trace_id,
    read_trace,
)
from cascade.trace.events import EVENT
from tests.trace.support import run_of

PLANTED = "corp-Key.With+Odd/Chars=123"


def write(path: Path, events: list[Event], **more: object) -> None:
    with JsonLinesSink(path, **more) as sink:  # type: ignore[arg-type]
        for event in events:
            sink.emit(event)


def test_what_is_written_is_read_back_plain_and_gzipped(tmp_path: Path) -> None:
    events, path = run_of("a", "b", attempts=2), tmp_path / "deep" / "t.jsonl"
    write(path, events)
    assert read_trace(path).events == events
    packed = tmp_path / "t.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read_trace(packed).events == events


def test_every_line_has_schema_event_and_an_rfc_3339_time_in_utc(tmp_path: Path) -> None:
    write(tmp_path / "t", run_of("a"))
    for line in (tmp_path / "t").read_text().splitlines():
        document = json.loads(line)
        assert list(document)[:2] == ["schema", "event"]
        assert document["schema"] == 1
        assert document["time"].endswith("Z")
        assert set(document) >= {"run_id", "task_id", "trace_id", "span_id", "parent_span_id", "node"}
        if "cost_usd" in document:
            assert isinstance(document["cost_usd"], str), "money is a decimal string"


def test_identifiers_have_opentelemetrys_sizes() -> None:
    assert [len(new()) for new in (new_run_id, new_trace_id, new_span_id)] == [32, 32, 16]
    run = Scope.of_run()
    node = run.of_task("a").child("generate")
    assert node.parent_span_id is not None
    assert node.run_id == run.run_id
    assert node.trace_id != run.trace_id


def test_a_torn_last_line_is_reported_and_the_rest_read(tmp_path: Path) -> None:
    path = tmp_path / "t"
    write(path, run_of("a"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    log = read_trace(path)
    assert log.torn is not None
    assert log.torn.line == len(whole.splitlines())
    assert len(log.events) == len(whole.splitlines()) - 1


@given(cut=st.integers(1, 2000))
def test_wherever_it_is_torn_appending_goes_on_with_whole_lines(
    cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("torn") / "t"
    events = run_of("a")
    write(path, events, sync=False)
    whole = path.read_bytes()
    path.write_bytes(whole[: max(0, len(whole) - cut)])
    more = run_of("b")
    write(path, more, sync=False)
    log = read_trace(path)
    assert (log.torn, log.problems) == (None, [])
    assert log.events[-len(more) :] == more
    assert log.events[: -len(more)] == events[: len(log.events) - len(more)]


def test_a_last_line_that_only_lacks_its_end_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "t"
    write(path, run_of("a"))
    path.write_bytes(path.read_bytes()[:-1])
    with JsonLinesSink(path) as sink:
        assert sink.repaired_bytes == 0
    assert read_trace(path).events[-1].event == "run.finished"


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t"
    write(path, run_of("a"))
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b'{"schema": 1, "event": "attempt.started", "bogus": true}\n'
    path.write_bytes(b"".join(lines))
    with pytest.raises(InputError, match=r":3: ") as caught:
        read_trace(path)
    assert caught.value.code == "trace.broken"
    log = read_trace(path, strict=False)
    assert [problem.line for problem in log.problems] == [3]
    assert len(log.events) == len(lines) - 1


def test_a_gzip_cut_short_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "t"
    write(path, run_of("a", "b", "c", attempts=3))
    packed = tmp_path / "t.gz"
    packed.write_bytes(gzip.compress(path.read_bytes())[:-40])
    assert read_trace(packed).torn is not None


def test_another_schema_is_refused_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "t").write_text('{"schema": 2, "event": "run.started"}\n')
    with pytest.raises(InputError, match="schema 2") as caught:
        read_trace(tmp_path / "t")
    assert caught.value.code == "trace.schema"


def test_no_file_and_no_place_to_write_are_errors_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_trace(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot open") as caught:
        JsonLinesSink(tmp_path / "file" / "t")
    assert "--trace" in caught.value.hint


def test_the_second_run_on_a_trace_is_refused_and_the_third_may_come_later(tmp_path: Path) -> None:
    path = tmp_path / "t"
    with JsonLinesSink(path), pytest.raises(StorageError, match="another run") as caught:
        JsonLinesSink(path)
    assert caught.value.code == "storage.locked"
    JsonLinesSink(path).close()


def test_another_process_is_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "t"
    code = f"from cascade.trace import JsonLinesSink; JsonLinesSink({str(path)!r})"
    with JsonLinesSink(path):
        refused = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "being written by another run" in refused.stderr


def test_what_was_emitted_is_there_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "t"
    code = (
        "import os, signal\nfrom cascade.trace import JsonLinesSink\nfrom tests.trace.support import run_of\n"
        f"sink = JsonLinesSink({str(path)!r})\n"
        "for event in run_of('a', end=False)[:3]: sink.emit(event)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", code], cwd=root, check=False)
    assert killed.returncode == -9
    assert [event.event for event in read_trace(path).events] == [
        "run.started",
        "task.started",
        "attempt.started",
    ]


def test_a_full_disk_stops_the_run_with_an_error_that_says_so() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    sink = JsonLinesSink("/dev/full")
    with pytest.raises(StorageError, match="cannot write") as caught:
        sink.emit(run_of("a")[0])
    assert caught.value.code == "storage.write"
    with pytest.raises(StorageError):
        sink.close()


def test_after_closing_nothing_is_written(tmp_path: Path) -> None:
    sink = JsonLinesSink(tmp_path / "t")
    sink.close()
    sink.close()
    with pytest.raises(StorageError, match="closed"):
        sink.emit(run_of("a")[0])


def test_the_other_sinks_keep_all_or_nothing() -> None:
    memory, nothing = MemorySink(), NullSink()
    for sink in (memory, nothing):
        for event in run_of("a"):
            sink.emit(event)
        sink.flush()
        sink.close()
    assert len(memory.events) == len(run_of("a"))


# Secrets

LOOKALIKES = [
    ("Authorization: Bearer abcdef0123456789abcdef", "abcdef0123456789abcdef"),
    ("https://user:pa55word@proxy.example/", "pa55word"),
    ("https://x.example/v1?api_key=0123456789&x=1", "0123456789"),
    ("sk-abcdefghijklmnop0123", "sk-abcdefghijklmnop0123"),
    ("ghp_abcdefghijklmnop0123", "ghp_abcdefghijklmnop0123"),
    ("AKIAABCDEFGHIJKLMNOP", "AKIAABCDEFGHIJKLMNOP"),
]


@pytest.mark.parametrize(("text", "secret"), LOOKALIKES)
def test_what_looks_like_a_key_is_masked_and_the_rest_kept(text: str, secret: str) -> None:
    masked = Redactor().text(f"before {text} after")
    assert secret not in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")


def test_planted_keys_reach_no_line_wherever_they_stand(tmp_path: Path) -> None:
    run = Scope.of_run()
    events: list[Event] = [
        RunStarted(**run.fields(), config={"api_key": PLANTED, "nested": [{PLANTED: f"x{PLANTED}y"}]}),
        RunStarted(**run.of_task(PLANTED).fields(), versions={"a": PLANTED}),
    ]
    write(tmp_path / "t", events, secrets=[PLANTED, ""])
    text = (tmp_path / "t").read_text()
    assert PLANTED not in text
    assert json.dumps(PLANTED)[1:-1] not in text
    assert text.count("[secret]") >= 5
    assert len(read_trace(tmp_path / "t").events) == 2


def test_a_short_secret_does_not_blank_out_the_language() -> None:
    assert Redactor(["a", "the"]).text("the cat") == "the cat"


@given(st.text(max_size=200))
def test_ordinary_text_without_a_planted_key_is_not_touched_by_it(text: str) -> None:
    if PLANTED not in text:
        assert Redactor([PLANTED]).text(text) == Redactor().text(text)


def test_the_content_rule_decides_what_of_a_text_is_kept() -> None:
    full, hashed, none = (content_of("hé", rule) for rule in ("full", "hash", "none"))
    assert (full.text, hashed.text, none.text) == ("hé", None, None)
    assert full.sha256 == hashed.sha256 is not None
    assert none.sha256 is None
    assert {full.chars, hashed.chars, none.chars} == {2}


def test_messages_have_one_hash_whatever_the_order_of_keys() -> None:
    assert messages_sha256([{"role": "user", "content": "x"}]) == messages_sha256(
        [{"content": "x", "role": "user"}]
    )


def test_an_unknown_key_in_an_event_is_refused() -> None:
    document = run_of("a")[0].model_dump(mode="json")
    EVENT.validate_python(document)
    with pytest.raises(ValueError, match="bogus"):
        EVENT.validate_python({**document, "bogus": 1})


def test_the_lock_goes_with_the_process(tmp_path: Path) -> None:
    path = tmp_path / "t"
    code = (
        f"import os; from cascade.trace import JsonLinesSink; s = JsonLinesSink({str(path)!r}); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)
    JsonLinesSink(path).close()
