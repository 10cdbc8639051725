"""Verification finds what is missing, doubled or wrongly summed; open calls keep their money."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cascade.cli.trace import trace
from cascade.models.base import ModelRequest
from cascade.models.recorded import RecordedModel
from cascade.prices import PriceBook
from cascade.prices.repricing import reprice
from cascade.trace import AttemptRetried, Event, JsonLinesSink, Scope, progress, read_trace, verify
from cascade.trace.events import EVENT, RunStarted
from cascade.trace.outcomes import rows
from cascade.trace.reader import TraceLog
from tests.trace.support import COST, charge, finished, run_of, started, task

Change = Callable[[list[dict[str, Any]]], None]


def log_of(events: list[Event]) -> TraceLog:
    return TraceLog(path=Path("t"), events=events, lines=list(range(1, len(events) + 1)))


def documents(events: list[Event]) -> list[dict[str, Any]]:
    return [event.model_dump(mode="json") for event in events]


def test_a_whole_trace_has_no_fault() -> None:
    found = verify(log_of([*run_of("a", "b", attempts=2), *run_of("c")]))
    assert (found.problems, found.notes) == ((), ())
    assert found.progress.spent_usd == COST * 5


def at(event: str, nth: int = 0) -> Callable[[list[dict[str, Any]]], int]:
    return lambda lines: [n for n, line in enumerate(lines) if line["event"] == event][nth]


def change(event: str, key: str, value: Any) -> Change:
    def act(lines: list[dict[str, Any]]) -> None:
        lines[at(event)(lines)][key] = value

    return act


def drop(event: str) -> Change:
    def act(lines: list[dict[str, Any]]) -> None:
        del lines[at(event)(lines)]

    return act


def double(event: str) -> Change:
    return lambda lines: lines.insert(at(event)(lines), lines[at(event)(lines)])


FAULTS: list[tuple[str, Change, str]] = [
    ("a task's sum is off", change("task.finished", "cost_usd", "0.5"), "its attempts sum up to"),
    ("the run's sum is off", change("run.finished", "cost_usd", "0.5"), "the run says it cost 0.5"),
    ("an attempt's sum is off", change("attempt.finished", "cost_usd", "0.5"), "its charges sum up to"),
    ("the run's count is off", change("run.finished", "attempts", 9), "9 attempts, the trace has"),
    ("a call without its beginning", drop("attempt.started"), "has no attempt.started"),
    ("a task without its beginning", drop("task.started"), "was not started"),
    ("a run without its beginning", drop("run.started"), "of a run that was not started"),
    ("a call's end twice", double("attempt.finished"), "is ended twice"),
    ("a call's beginning twice", double("attempt.started"), "is started twice"),
    ("a task's end twice", double("task.finished"), "is finished twice"),
    ("a verdict on nothing", change("validation.finished", "attempt", 7), "which has not ended"),
    (
        "tokens and charges differ",
        change("attempt.finished", "usage", {"input": 1, "output": 1}),
        "usage is not the sum",
    ),
]


@pytest.mark.parametrize(("name", "act", "message"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_a_fault_is_found(name: str, act: Change, message: str) -> None:
    lines = documents(run_of("a", "b"))
    act(lines)
    found = verify(log_of([EVENT.validate_python(line) for line in lines]))
    assert any(message in problem.message for problem in found.problems), (name, found.problems)


def test_a_charge_that_its_tokens_do_not_cost_is_found() -> None:
    lines = documents(run_of("a"))
    wrong = lines[at("attempt.finished")(lines)]
    wrong["charges"][0]["usage"]["output"] += 1
    found = verify(log_of([EVENT.validate_python(line) for line in lines]))
    assert any("but its tokens cost" in problem.message for problem in found.problems)


def interrupted() -> list[Event]:
    """A run that was killed while two calls were under way, one of them in its second request."""
    events = run_of("done", end=False)
    run = Scope.of_run(events[0].run_id)
    for name in ("x", "y"):
        scope = run.of_task(name)
        events.append(next(iter(task(run, name))).model_copy(update={"task_id": name, **scope.fields()}))
        events.append(started(scope.child("generate")))
    last = events[-1]
    again = {"code": "model.interrupted", "reserved_usd": "0.02", "charge": charge(error="model.interrupted")}
    known = last.model_dump(
        exclude={"event", "reserved_usd", "messages", "messages_sha256", "context_sha256", "time"}
    )
    events.append(AttemptRetried.model_validate({**known, **again}))
    return events


def test_a_call_without_an_end_is_money_of_unknown_fate_at_what_was_reserved() -> None:
    found = verify(log_of(interrupted()))
    assert found.ok
    assert [(call.task_id, call.reserved_usd, call.requests) for call in found.open_calls] == [
        ("x", Decimal("0.01"), 1),
        ("y", Decimal("0.03"), 2),
    ]
    assert found.progress.unknown_usd == Decimal("0.04")
    assert any("has no end: up to 0.03 USD of unknown fate" in note for note in found.notes)
    assert any("was interrupted" in note for note in found.notes)


def test_a_resumed_run_does_what_is_not_finished_and_each_task_once() -> None:
    events = interrupted()
    so_far = progress(events)
    assert so_far.to_do(["done", "x", "y", "z"]) == ["x", "y", "z"]
    assert so_far.unfinished == {"x", "y"}
    again = run_of("x", "y", "z")
    found = verify(log_of([*events, *again]))
    assert found.ok
    assert set(found.progress.finished) == {"done", "x", "y", "z"}
    assert len(found.open_calls) == 2, "what was lost before stays reported"
    assert found.progress.spent_usd == COST * 4


def test_a_task_done_twice_is_a_fault_even_over_two_runs() -> None:
    found = verify(log_of([*run_of("a"), *run_of("a")]))
    assert any("finished twice" in problem.message for problem in found.problems)


def write(path: Path, events: list[Event]) -> Path:
    with JsonLinesSink(path, sync=False) as sink:
        for event in events:
            sink.emit(event)
    return path


def test_the_command_says_whole_or_names_the_lines(tmp_path: Path) -> None:
    good = write(tmp_path / "good", run_of("a"))
    ran = CliRunner().invoke(trace, ["verify", str(good)])
    assert (ran.exit_code, "the trace is whole" in ran.stdout) == (0, True)
    bad = write(tmp_path / "bad", [*run_of("a"), *run_of("a")])
    ran = CliRunner().invoke(trace, ["verify", str(bad)])
    assert ran.exit_code == 1
    assert f"{bad}:13: task 'a' is finished twice" in ran.stdout
    document = json.loads(CliRunner().invoke(trace, ["verify", str(bad), "--json"]).stdout)
    assert (document["ok"], document["problems"][0]["line"]) == (False, 13)


def test_a_torn_line_is_a_note_and_no_fault(tmp_path: Path) -> None:
    path = write(tmp_path / "t", run_of("a"))
    path.write_bytes(path.read_bytes() + b'{"schema":1,"event":"att')
    ran = CliRunner().invoke(trace, ["verify", str(path)])
    assert ran.exit_code == 0
    assert "is torn" in ran.stdout


def test_an_old_trace_is_repriced_at_the_moments_of_its_calls(tmp_path: Path) -> None:
    wrong = charge(cost_usd=Decimal(1))
    scope = Scope.of_run()
    mine = charge(cost_usd=Decimal(7), price=charge().price.model_copy(update={"version": "config"}))  # type: ignore[union-attr]
    nobody = charge(model="no-such-model-anywhere", cost_usd=None, price=None)
    events: list[Event] = [RunStarted(**scope.fields()), finished(scope.of_task("a"), 1, wrong, mine, nobody)]
    result = reprice(events, book=PriceBook())
    assert (result.booked_usd, result.repriced_usd) == (Decimal(8), COST + 7)
    assert (result.unpriced, result.unpriced_before, result.kept) == (["no-such-model-anywhere"], 1, 1)
    ran = CliRunner().invoke(trace, ["reprice", str(write(tmp_path / "t", events)), "--json"])
    assert json.loads(ran.stdout)["repriced_usd"] == str(COST + 7)


def test_a_trace_is_exported_as_an_outcome_table(tmp_path: Path) -> None:
    table = rows(run_of("a", attempts=2))
    assert [(row["task_id"], row["model"], row["outcome"], row["attempt"]) for row in table] == [
        ("a", "flash", "0", "1"),
        ("a", "flash", "1", "2"),
    ]
    assert table[0]["cost_usd"] == str(COST)
    out = tmp_path / "o.csv"
    ran = CliRunner().invoke(
        trace, ["export", str(write(tmp_path / "t", run_of("a"))), "--outcomes", str(out)]
    )
    assert ran.exit_code == 0
    assert out.read_text().splitlines()[0].startswith("task_id,model,outcome,cost_usd")


async def test_a_full_trace_is_a_recording(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", run_of("a", "b", attempts=2))
    model = RecordedModel(path, model="deepseek-flash")
    answer = await model.generate(ModelRequest(messages=(), task_id="b", tier="flash", tier_attempt=2))
    assert (answer.text, answer.usage.input, answer.latency_s) == ("b 2", 1000, 1.5)
    assert read_trace(path).torn is None
