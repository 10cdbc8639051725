"""Hand-made features: finite on anything, blind to what is clipped, one value for each name."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.classifiers.after_output import SEEN_FEATURES, seen_features
from cascade.classifiers.answer_features import ANSWER_FEATURES, Answered, answer_features
from cascade.classifiers.features import PROMPT_CLIP, TASK_FEATURES, task_features
from cascade.types import Diagnostic, Report, Task, Verdict

TEXT = st.text(max_size=400) | st.text(alphabet="0123456789.,=+-*/()$% xhowmany\n", max_size=400)


def values(prompt: str) -> dict[str, float]:
    return dict(zip(TASK_FEATURES, task_features(Task(prompt=prompt)), strict=True))


def answers(prompt: str, answer: str, verdict: Verdict | None = None) -> dict[str, float]:
    found = answer_features(Answered(task=Task(prompt=prompt), answer=answer, verdict=verdict))
    return dict(zip(ANSWER_FEATURES, found, strict=True))


@given(prompt=TEXT, answer=TEXT)
@settings(max_examples=200)
def test_every_feature_is_finite_on_any_text(prompt: str, answer: str) -> None:
    task = Task(prompt=prompt, files={"a.py": answer}, tests={"t.py": prompt})
    found = seen_features(Answered(task=task, answer=answer))
    assert len(found) == len(SEEN_FEATURES) == len(set(SEEN_FEATURES))
    assert all(math.isfinite(value) for value in found)


def test_the_middle_of_a_long_prompt_is_not_read() -> None:
    head, tail = "sum 3 numbers. " * 600, " and 7 more." * 400
    filler = "x" * PROMPT_CLIP
    one, other = values(head + filler + tail), values(head + filler.upper() * 50 + tail)
    assert {k: v for k, v in one.items() if k != "prompt_chars"} == {
        k: v for k, v in other.items() if k != "prompt_chars"
    }


def test_numbers_conditions_limits_and_assertions_are_counted() -> None:
    found = values("If 3 of 1,200 nodes (1 <= n <= 10^5) fail, twice a day, what percent is left?")
    assert found["largest_number"] == math.log1p(1200)
    assert found["size_limit"] == 5.0
    assert found["logic_words"] > 0
    assert found["part_words"] > 0
    task = Task(prompt="p", tests={"t.py": "assert f(1) == 2\nassert f(2) == 3\n"})
    assert dict(zip(TASK_FEATURES, task_features(task), strict=True))["asserts"] == math.log1p(2)


def test_a_chain_that_holds_differs_from_one_that_does_not() -> None:
    prompt = "Ann has 3 boxes of 4 pens and gives away 2. How many pens are left?"
    right = answers(prompt, "3 * 4 = 12 pens.\n12 - 2 = 10.\nThe answer is 10")
    wrong = answers(prompt, "3 * 4 = 13 pens.\n13 - 7 = 6.5")
    assert right["equations"] == wrong["equations"] == math.log1p(2)
    assert (right["equations_wrong"], right["any_equation_wrong"]) == (0.0, 0.0)
    assert wrong["equations_wrong"] == math.log1p(2)
    assert (right["unsourced_numbers"], wrong["unsourced_numbers"]) == (0.0, math.log1p(1))
    assert (right["result_is_last_step"], right["no_result"]) == (1.0, 0.0)
    assert (wrong["no_result"], wrong["result_fraction_of_count"]) == (1.0, 1.0)
    assert right["numbers_unused"] == 0.0


def test_a_result_is_found_in_several_notations() -> None:
    for answer in ("#### 42", "so \\boxed{42}", "the answer is $42.", "Answer: 42"):
        assert answers("q", answer)["result_size"] == math.log1p(42), answer


def test_findings_of_the_checks_are_counted_by_kind() -> None:
    report = Report(
        name="ruff",
        status="failed",
        diagnostics=(
            Diagnostic(message="a", code="F821"),
            Diagnostic(message="b", code="F821"),
            Diagnostic(message="c", code="E501", severity="warning"),
        ),
    )
    found = answers("q", "```python\npass", Verdict.of([report]))
    assert (found["errors"], found["warnings"], found["distinct_codes"]) == (
        math.log1p(2),
        math.log1p(1),
        math.log1p(2),
    )
    assert found["fence_open"] == 1.0
