"""Reading arithmetic out of a text: right values, and nothing that hostile text could make it do."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.classifiers.arithmetic import MOST_EQUATIONS, equations, evaluate

LEAF = st.integers(0, 99).map(str)
EXPRESSION = st.recursive(
    LEAF,
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=6,
)


@given(EXPRESSION)
def test_values_are_pythons(expression: str) -> None:
    if len(expression) <= 80:
        assert evaluate(expression) == pytest.approx(float(eval(expression)))


@pytest.mark.parametrize(
    ("expression", "value"),
    [("2 + 3 * 4", 14), ("$1,200 / 4", 300), ("8 ÷ 2 x 3", 12), ("-3 + 5", 2), ("(1 + 2) * 3", 9)],
)
def test_written_forms_are_understood(expression: str, value: float) -> None:
    assert evaluate(expression) == value


@pytest.mark.parametrize(
    "expression", ["", "1 +", "+ 1", "(1", "1)", "1 2", "a + 1", "1 / 0", "9" * 200, "(" * 70, "()", "1(2)"]
)
def test_what_is_no_arithmetic_has_no_value(expression: str) -> None:
    assert evaluate(expression) is None


def test_equations_are_found_with_units_and_currency_around() -> None:
    text = "She sells 9 eggs: 9 * $2 = $18. Then 18 - 3 = 16, so x = 16 and 7 = 7."
    found = list(equations(text))
    assert [(one.value, one.stated, one.holds) for one in found] == [(18, 18, True), (15, 16, False)]


@given(st.text(alphabet="0123456789 +-*/=().,$x", max_size=600))
def test_any_text_gives_finite_equations_only(text: str) -> None:
    for one in equations(text):
        assert math.isfinite(one.value)
        assert math.isfinite(one.stated)


def test_a_megabyte_of_equations_is_cut_off() -> None:
    assert len(list(equations("1 + 1 = 2\n" * 100_000))) == MOST_EQUATIONS
