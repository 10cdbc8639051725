"""`checks:` of a config decides the order of the validators and when they stop."""

from __future__ import annotations

from pathlib import Path

import pytest

from cascade.config import Config, from_mapping
from cascade.trace.events import ValidationFinished, ValidatorRecord
from cascade.trace.ids import Scope
from cascade.trace.sink import JsonLinesSink
from cascade.types import Candidate, Task
from cascade.wiring import open_checks

TIER = {"model": "m", "base_url": "http://127.0.0.1:9/v1", "price": "unknown"}
BROKEN = Candidate(text="", files={"solution.py": "def f(:\n    return nothing\n"})


def config(checks: dict[str, object]) -> Config:
    return from_mapping(
        {
            "version": 1,
            "tiers": {"a": TIER, "b": TIER},
            "validators": ["syntax", "ruff"],
            "checks": checks,
        }
    )


async def ran(checks: dict[str, object]) -> list[str]:
    checking = open_checks(config(checks))
    try:
        verdict = await checking.checks.check(Task(prompt="p", target="solution.py"), BROKEN)
    finally:
        await checking.aclose()
    return [report.name for report in verdict.reports]


@pytest.mark.parametrize(("early", "names"), [(True, ["syntax"]), (False, ["syntax", "ruff"])])
async def test_stop_early_ends_at_the_first_failing_stage(early: bool, names: list[str]) -> None:
    assert await ran({"stop_early": early}) == names


async def test_a_trace_teaches_which_validator_comes_first(tmp_path: Path) -> None:
    trace = tmp_path / "t.jsonl"
    with JsonLinesSink(trace) as sink:
        scope = Scope.of_run().of_task("t").child("validate")
        slow = ValidatorRecord(name="syntax", status="passed", latency_s=1.0)
        sharp = ValidatorRecord(name="ruff", status="failed", latency_s=0.001)
        sink.emit(ValidationFinished(**scope.fields(), attempt=1, verdict="failed", validators=(slow, sharp)))
    assert await ran({"learn_from": str(trace)}) == ["ruff"]
