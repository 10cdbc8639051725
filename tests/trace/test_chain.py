"""A line of a trace that was dropped, doubled, moved or altered is named; a key tells who wrote it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from cascade.cli.trace import trace
from cascade.errors import StorageError
from cascade.trace import JsonLinesSink, Label, label_trace, read_trace, verify_file
from tests.trace.support import run_of

KEY = b"a key that nobody else holds"
Lines = list[bytes]


def written(path: Path, *, key: bytes | None = None) -> Path:
    with JsonLinesSink(path, signing_key=key) as sink:
        for event in run_of("a", "b", attempts=2):
            sink.emit(event)
    return path


def altered_words(lines: Lines, at: int) -> None:
    """Change a value that no sum depends on."""
    lines[at] = lines[at].replace(b'"node":null', b'"node":"x"').replace(b'"node":"generate"', b'"node":"x"')


def dropped(lines: Lines, at: int) -> None:
    del lines[at]


def doubled(lines: Lines, at: int) -> None:
    lines.insert(at, lines[at])


def swapped(lines: Lines, at: int) -> None:
    lines[at], lines[at + 1] = lines[at + 1], lines[at]


def bare(lines: Lines, at: int) -> None:
    """As a program that knows no chain would have written it."""
    document = json.loads(lines[at])
    del document["chain"]
    lines[at] = json.dumps(document).encode() + b"\n"


CHANGES: list[Callable[[Lines, int], None]] = [altered_words, dropped, doubled, swapped, bare]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: str(change.__name__))
def test_every_line_of_every_kind_is_held_by_the_chain(
    change: Callable[[Lines, int], None], tmp_path: Path
) -> None:
    path = written(tmp_path / "t.jsonl")
    whole = path.read_bytes().splitlines(keepends=True)
    for at in range(1, len(whole) - 1):
        lines = list(whole)
        change(lines, at)
        if lines == whole:
            continue
        path.write_bytes(b"".join(lines))
        found = verify_file(path)
        lowest = min(problem.line for problem in found.problems)
        assert lowest in {at, at + 1, at + 2}, (at, found.problems)
        assert found.promise == "the chain is broken"


def test_a_whole_trace_says_what_was_checked(tmp_path: Path) -> None:
    found = verify_file(written(tmp_path / "t.jsonl"))
    assert found.ok
    assert found.promise.startswith(
        f"no line was dropped, doubled, moved or altered since it was written ({found.events}"
    )


def test_a_trace_of_an_older_version_verifies_as_before_and_is_called_unchained(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    for at in range(len(lines)):
        bare(lines, at)
    path.write_bytes(b"".join(lines))
    found = verify_file(path)
    assert found.ok
    assert found.promise.startswith("no chain")
    label_trace(path, [Label(task_id="a", outcome=1.0)])
    found = verify_file(path)
    assert found.ok, found.problems
    assert "lines of an older version before it carry no digest" in found.promise


def test_a_writer_that_comes_later_goes_on_with_the_chain(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl")
    path.write_bytes(path.read_bytes() + b'{"schema":1,"event":"att')  # torn by a crash
    label_trace(path, [Label(task_id="a", outcome=1.0)])
    found = verify_file(path)
    assert found.ok, found.problems
    assert f"({found.events} chained lines)" in found.promise


def test_a_torn_last_line_breaks_no_chain(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl")
    path.write_bytes(path.read_bytes()[:-40])
    found = verify_file(path)
    assert found.ok, found.problems
    assert any("is torn" in note for note in found.notes)


def test_a_signature_tells_who_wrote_a_line(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl", key=KEY)
    assert verify_file(path).ok  # the chain needs no key
    found = verify_file(path, key=KEY)
    assert found.ok
    assert found.promise.startswith("every line was written by somebody who holds the key")
    wrong = verify_file(path, key=b"another key")
    assert {problem.message for problem in wrong.problems} == {"the line is not signed with this key"}
    forged = tmp_path / "forged.jsonl"
    with JsonLinesSink(forged) as sink:
        for event in read_trace(path).events:
            sink.emit(event)
    assert verify_file(forged).ok
    assert "the line is not signed" in {problem.message for problem in verify_file(forged, key=KEY).problems}


def test_an_unchained_trace_has_no_signature_to_check(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    for at in range(len(lines)):
        bare(lines, at)
    path.write_bytes(b"".join(lines))
    assert not verify_file(path, key=KEY).ok


def test_random_damage_of_any_byte_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl")
    whole = path.read_bytes()
    end = whole.rindex(b"\n", 0, -1)  # the last line may be torn, which is a note
    draw = random.Random(4)
    for _ in range(60):
        at = draw.randrange(end)
        if whole[at : at + 1] == b"\n":
            continue
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert not verify_file(path).ok, whole[at - 20 : at + 20]


def test_the_command_takes_the_key_from_the_environment(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl", key=KEY)
    arguments = ["verify", str(path), "--signing-key-env", "TRACE_KEY", "--json"]
    done = CliRunner().invoke(trace, arguments, env={"TRACE_KEY": KEY.decode()})
    assert done.exit_code == 0
    assert json.loads(done.output)["promise"].startswith(
        "every line was written by somebody who holds the key"
    )
    missing = CliRunner().invoke(trace, arguments, env={"TRACE_KEY": ""})
    assert missing.exit_code != 0
    assert "the environment variable is not set" in str(missing.exception)


def test_a_reader_takes_a_trace_that_another_tool_wrote_anew(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl")
    before = read_trace(path).events
    anew = [json.dumps(json.loads(line), indent=None) for line in path.read_text().splitlines()]
    path.write_text("\n".join(anew) + "\n")
    after = read_trace(path).events
    assert [event.model_dump() for event in after] == [event.model_dump() for event in before]
    assert not verify_file(path).ok


@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced"])
def test_a_file_that_goes_while_it_is_written_is_reported(tmp_path: Path, *, replaced: bool) -> None:
    path = tmp_path / "t.jsonl"
    sink = JsonLinesSink(path)
    for event in run_of("a"):
        sink.emit(event)
    path.unlink()
    if replaced:
        path.write_text("another's")
    with pytest.raises(StorageError, match="removed or replaced while it was being written"):
        sink.close()
    sink.close()  # a second time does nothing
