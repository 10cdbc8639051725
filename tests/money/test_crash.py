"""A run that is killed and resumed loses no task, doubles none, and accounts for every call."""

from __future__ import annotations

from pathlib import Path

from benchmarks.money.kills import Plan, run
from tests.laws import laws


@laws
async def test_killed_at_random_moments_and_resumed_all_is_accounted_for(tmp_path: Path) -> None:
    outcome = await run(Plan(tasks=10, kills=2, seed=3), tmp_path)
    assert outcome.ok, outcome
    assert outcome.open_calls > 0, "no kill hit a call"
