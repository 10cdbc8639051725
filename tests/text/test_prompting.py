"""What the next attempt is shown: stable parts first, `full` a byte-for-byte continuation."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from cascade.prompting import build, task_text
from cascade.types import Attempt, Diagnostic, History, Report, Task, Verdict

TASK = Task(prompt="Write f.", files={"b.py": "B = 1\n", "a.py": "A = 1\n"}, tests={"test_f.py": "SECRET"})
HISTORIES: tuple[History, ...] = ("full", "last", "diagnostics", "none")


def failed(number: int, *, history: History = "none", tier: str = "flash") -> Attempt:
    told = Diagnostic(message=f"wrong in attempt {number}")
    verdict = Verdict.of([Report(name="pytest", status="failed", diagnostics=(told,))])
    return Attempt(number=number, tier=tier, output=f"answer {number}", verdict=verdict, history=history)


def words(verdict: Verdict) -> str:
    return verdict.diagnostics[0].message


def text(attempts: list[Attempt], history: History) -> str:
    return str(build(TASK, attempts, history=history, feedback=words).messages)


def test_files_come_first_in_path_order_and_tests_stay_hidden() -> None:
    shown = task_text(TASK)
    assert shown.index("a.py") < shown.index("b.py") < shown.index("Write f.")
    assert "SECRET" not in shown


def test_tests_are_shown_only_when_asked_for() -> None:
    assert "SECRET" in task_text(Task(prompt="p", tests=TASK.tests, show_tests=True))


def test_each_history_shows_what_it_says() -> None:
    attempts = [failed(1), failed(2, history="full")]
    assert "answer 1" in text(attempts, "full")
    assert "answer 2" in text(attempts, "full")
    assert "answer 1" not in text(attempts, "last")
    assert "answer 2" in text(attempts, "last")
    assert "answer" not in text(attempts, "diagnostics").replace("An earlier answer", "").replace(
        "correct answer", ""
    )
    assert "wrong in attempt 2" in text(attempts, "diagnostics")
    assert "wrong" not in text(attempts, "none")


def test_after_names_the_tier_whose_failure_is_shown() -> None:
    prompt = build(TASK, [failed(1, tier="flash")], history="diagnostics", feedback=words)
    assert (prompt.after, prompt.history) == ("flash", "diagnostics")
    fresh = build(TASK, [failed(1)], history="none", feedback=words)
    assert (fresh.after, fresh.history) == (None, "none")


def test_a_failed_call_has_nothing_to_show() -> None:
    broken = Attempt(number=1, tier="flash", error="model.timeout")
    assert build(TASK, [broken], history="full", feedback=words).after is None


@given(st.lists(st.sampled_from(HISTORIES), min_size=1, max_size=5))
def test_full_history_has_the_former_request_as_byte_for_byte_prefix(shown: list[History]) -> None:
    attempts: list[Attempt] = []
    former = build(TASK, attempts, history="none", feedback=words)
    for number, history in enumerate(shown, 1):
        attempts.append(failed(number, history=former.history))
        following = build(TASK, attempts, history="full", feedback=words)
        old, new = orjson.dumps(list(former.messages)), orjson.dumps(list(following.messages))
        assert new.startswith(old[:-1])
        former = build(TASK, attempts, history=history, feedback=words)
