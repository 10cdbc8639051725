"""The demo shows what is true: its figures equal those computed by other means, its words say what is what."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from tests import demo_figures
from tests.cli.conftest import Command

LIMIT = 30


async def test_the_figures_equal_those_computed_from_recordings_and_verdicts(
    command: Command, tmp_path: Path
) -> None:
    trace = tmp_path / "demo.jsonl"
    ended = await command("demo", "--limit", LIMIT, "--trace", trace, "--json")
    assert ended.code == 0, ended.err
    shown = ended.document["compare"]
    for name, (attempts, solved, usd) in demo_figures.figures(trace).items():
        assert sum(tier["attempts"] for tier in shown[name]["by_tier"].values()) == attempts, name
        assert shown[name]["accepted"] == solved, name
        assert Fraction(shown[name]["cost_usd"]) == usd, name


async def test_the_checks_say_what_humanevals_tests_said_at_recording(
    command: Command, tmp_path: Path
) -> None:
    trace = tmp_path / "demo.jsonl"
    await command("demo", "--limit", LIMIT, "--trace", trace, "--json")
    rows = demo_figures.recordings()
    said = demo_figures.verdicts(trace)
    assert len(said) > LIMIT
    assert [key for key, passed in said.items() if rows[key]["passed"] != passed] == []


async def test_the_screen_says_what_is_recorded_executed_and_counted(command: Command) -> None:
    ended = await command("demo", "--limit", 2)
    for word in ("recorded", "executed", "counted", "Qwen2.5-Coder", "list prices", "always pro", "trace:"):
        assert word in ended.out, word
