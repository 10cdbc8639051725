"""The demo shows what is true: its figures equal those computed by other means, its words say what is what."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from tests import demo_figures
from tests.cli.conftest import Command, Demo, run_demo
from tests.laws import laws


def test_the_figures_equal_those_computed_from_recordings_and_verdicts(demo: Demo) -> None:
    shown = demo.document["compare"]
    for name, (attempts, solved, usd) in demo_figures.figures(demo.trace).items():
        assert sum(tier["attempts"] for tier in shown[name]["by_tier"].values()) == attempts, name
        assert shown[name]["accepted"] == solved, name
        assert Fraction(shown[name]["cost_usd"]) == usd, name


def test_the_checks_say_what_humanevals_tests_said_at_recording(demo: Demo) -> None:
    rows = demo_figures.recordings()
    said = demo_figures.verdicts(demo.trace)
    assert len(said) > len({key[0] for key in said}), "some task took two attempts"
    assert [key for key, passed in said.items() if rows[key]["passed"] != passed] == []


@laws
def test_a_longer_demo_is_as_true(tmp_path: Path) -> None:
    longer = run_demo(tmp_path, limit=30)
    test_the_figures_equal_those_computed_from_recordings_and_verdicts(longer)
    test_the_checks_say_what_humanevals_tests_said_at_recording(longer)


async def test_the_screen_says_what_is_recorded_executed_and_counted(command: Command) -> None:
    ended = await command("demo", "--limit", 2)
    for word in ("recorded", "executed", "counted", "Qwen2.5-Coder", "list prices", "always pro", "trace:"):
        assert word in ended.out, word
