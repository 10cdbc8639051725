"""What a model is told: located, once, within the budget, and nothing of hidden tests."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from cascade.types import Diagnostic, Report, Verdict
from cascade.validators import catalog
from cascade.validators.feedback import CHARS_PER_TOKEN, render
from cascade.validators.pytest import Pytest
from cascade.validators.sandbox import Sandbox
from tests.validators.conftest import verdict


def failed(*found: Diagnostic, name: str = "ruff") -> Verdict:
    return Verdict.of([Report(name=name, status="failed", diagnostics=found)])


diagnostics = st.builds(
    Diagnostic,
    message=st.text(max_size=400),
    code=st.sampled_from(["F821", "test.assert", ""]),
    path=st.none() | st.sampled_from(["a.py", "b.py"]),
    line=st.none() | st.integers(1, 99),
    source=st.none() | st.text(max_size=300),
)


@given(st.lists(diagnostics, max_size=30), st.integers(20, 500))
def test_the_budget_is_never_exceeded(found: list[Diagnostic], budget: int) -> None:
    text = render(failed(*found), max_tokens=budget)
    assert len(text) <= budget * CHARS_PER_TOKEN
    assert text  # a failure always says something


def test_one_line_with_the_same_fault_by_two_tools_is_said_once() -> None:
    by_ruff = Diagnostic(
        message="Undefined name `c`", code="F821", path="a.py", line=3, column=16, source="  return c"
    )
    by_mypy = Diagnostic(
        message='Name "c" is not defined', code="name-defined", path="a.py", line=3, source="  return c"
    )
    both = Verdict.of(
        [
            Report(name="ruff", status="failed", diagnostics=(by_ruff,)),
            Report(name="mypy", status="failed", diagnostics=(by_mypy,)),
        ]
    )
    assert render(both) == "- a.py:3:16: [F821] Undefined name `c`\n    return c"


def test_warnings_are_left_out_where_there_are_errors() -> None:
    error, warning = Diagnostic(message="bad"), Diagnostic(message="style", severity="warning")
    assert "style" not in render(failed(warning, error))


def test_a_failure_without_findings_says_its_reason() -> None:
    assert render(Verdict.of([Report(name="mine", status="failed", detail="because")])) == "- [mine] because"


def test_a_passed_verdict_has_nothing_to_say() -> None:
    assert render(Verdict.of([Report(name="ruff", status="passed")])) == ""


def test_paths_and_sources_of_tests_are_hidden_unless_shown() -> None:
    found = Diagnostic(
        message="assert 1 == 2",
        code="test.assert",
        path="test_a.py",
        line=7,
        source="assert f() == 2, 'psst'",
    )
    assert render(failed(found, name="pytest")) == "- test: assert 1 == 2"
    shown = render(failed(found, name="pytest"), show_tests=True)
    assert "test_a.py:7" in shown
    assert "psst" in shown


async def test_from_a_real_run_nothing_of_the_tests_text_is_seen(sandbox: Sandbox) -> None:
    tests = {
        "test_solution.py": "from solution import area\n\n\ndef test_secret_name():\n"
        "    hidden_variable = 'hidden value'\n"
        "    assert area(2, 3) == 6, 'a hint nobody should see'\n\n\ndef test_other():\n"
        "    assert area(0, 1) == 0 and hidden_variable\n"
    }
    files = {"solution.py": "def area(a, b):\n    return a + b\n"}
    result = await verdict(*catalog.build(sandbox=sandbox), files=files, tests=tests)
    text = render(result)
    assert (
        text == "- test: assert 5 == 6, where 5 = area(2, 3)\n- test: assert (1 == 0), where 1 = area(0, 1)"
    )
    for word in ("secret", "hidden", "hint", "test_solution"):
        assert word not in text


async def test_a_wrong_list_is_shown_with_the_call_that_gave_it(sandbox: Sandbox) -> None:
    tests = {
        "test_solution.py": "import copy\nfrom solution import f\ndef test(): assert f(copy.copy([1, 2])) == [2, 1]\n"
    }
    result = await verdict(Pytest(sandbox), files={"solution.py": "def f(xs): return xs\n"}, tests=tests)
    text = render(result)
    assert text.startswith("- test: assert [1, 2] == [2, 1], where [1, 2] = f([1, 2]")
    assert sys.prefix not in text
    assert "<module" not in text
