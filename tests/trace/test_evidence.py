"""What an attempt leaves behind is the same at run time, in the trace, and in the table made of it."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from cascade.evidence import evidence_of, figure, known_at_run_time
from cascade.graph import compile_graph, invoke
from cascade.models.scripted import Reply
from cascade.policy.threshold import ThresholdPolicy
from cascade.replay.read_table import read_table
from cascade.replay.read_trace import read_episodes
from cascade.replay.table import OutcomeTable
from cascade.trace.outcomes import write_outcomes
from cascade.trace.reader import read_trace
from cascade.trace.sink import JsonLinesSink
from cascade.types import Attempt, Diagnostic, Report, Result, Usage, Verdict
from tests.machine.doubles import BAD, GOOD, Machine, task

OTHER = "```python\nright = False  # but otherwise\n```"


def checked(number: int, *codes: str, output: str = "a", by: str = "ruff") -> Attempt:
    found = tuple(Diagnostic(message=f"fault {code}", code=code, path="s.py", line=1) for code in codes)
    report = Report(name=by, status="failed", diagnostics=found)
    return Attempt(
        number=number,
        tier="flash",
        tier_attempt=number,
        output=output,
        verdict=Verdict.of([report]),
        usage=Usage(input=10, output=20),
        cost_usd=Decimal("0.001"),
        finish_reason="stop",
    )


def test_figures_tell_what_changed_since_the_attempt_before() -> None:
    _, same = evidence_of([checked(1, "F821"), checked(2, "F821")])
    _, other = evidence_of([checked(1, "F821"), checked(2, "E999", output="b")])
    assert (same["diagnostics_changed"], same["same_answer"]) == (0.0, 1.0)
    assert (other["diagnostics_changed"], other["same_answer"]) == (1.0, 0.0)
    (half,) = evidence_of([checked(1, "F821"), checked(2, "F821", "E999")])[1:]
    assert half["diagnostics_changed"] == 0.5


def test_a_zero_is_information_and_what_is_not_known_is_not_there() -> None:
    first, _, again = evidence_of(
        [
            checked(1, "F821", "F821"),
            Attempt(number=2, tier="pro", error="model.timeout"),
            checked(3, "arg-type", by="mypy"),
        ]
    )
    assert (first["errors"], first["distinct_codes"], first["warnings"], first["cut_off"]) == (2, 1, 0, 0)
    assert (figure(first, "failed_ruff"), figure(first, "failed_mypy")) == (1.0, 0.0)
    assert (figure(again, "failed_ruff"), figure(again, "failed_mypy")) == (0.0, 1.0)
    assert again["diagnostics_changed"] == 1.0  # a call that failed stands between, and does not count
    unseen = evidence_of([Attempt(number=1, tier="flash", cost_usd=None)])[0]
    assert unseen == {"tries": 1.0}
    assert math.isnan(figure(unseen, "failed_ruff"))
    assert math.isnan(figure(first, "same_answer"))


def test_the_figures_of_a_run_are_told_from_a_logs_own() -> None:
    assert all(known_at_run_time(name) for one in evidence_of([checked(1, "F821")]) for name in one)
    assert not known_at_run_time("api_calls")


async def ran(path: Path, content: str) -> Result:
    replies = [
        Reply(text=BAD),
        Reply(text=BAD),
        Reply(text=OTHER),
        Reply(text="```python\nx", finish_reason="length"),
    ]
    flash = [
        Reply(text=one.text, finish_reason=one.finish_reason, usage=Usage(input=90, output=9))
        for one in replies
    ]
    machine = Machine(flash=flash, pro=[GOOD], policy=ThresholdPolicy(0.0, default_attempts=4))
    sink = JsonLinesSink(path)
    services = replace(machine.services, sink=sink, content=content)  # type: ignore[arg-type]
    result = await invoke(compile_graph(services), task())
    sink.close()
    return result


def figures_of(table: OutcomeTable) -> list[dict[str, float]]:
    """What the table holds of its one task, by arm, NaN left out."""
    return [
        {name: float(values[0, k]) for name, values in table.figures.items() if not math.isnan(values[0, k])}
        for k in range(len(table.arms))
    ]


@pytest.mark.parametrize("content", ["full", "hash", "none"])
async def test_a_run_its_trace_and_the_table_of_it_say_the_same(tmp_path: Path, content: str) -> None:
    path, csv = tmp_path / "t.jsonl", tmp_path / "o.csv"
    result = await ran(path, content)
    assert [attempt.tier for attempt in result.attempts] == ["flash"] * 4 + ["pro"]
    told = evidence_of(result.attempts)
    names = sorted({name for one in told for name in one} - {"cost_usd"})
    assert {"failed_words", "failed_extract", "same_answer", "cut_off", "diagnostics_changed"} <= set(names)
    lost = {"same_answer"} if content == "none" else set()
    wanted = [
        {name: figure(one, name) for name in names if name not in lost and not math.isnan(figure(one, name))}
        for one in told
    ]
    episodes = read_episodes(path)
    write_outcomes(read_trace(path).events, csv)
    for table in (episodes.table, read_table(csv)):
        assert [arm.tier for arm in table.arms] == ["flash"] * 4 + ["pro"]
        for ours, theirs in zip(figures_of(table), wanted, strict=True):
            assert ours == pytest.approx(theirs)
