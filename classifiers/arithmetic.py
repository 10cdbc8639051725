"""Reads the arithmetic in a text: which equations it states, what goes into them, and whether they hold."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

MOST_EQUATIONS = 64
_LONGEST = 80
_MOST_NUMBERS = 12
_EXPRESSION = frozenset("0123456789.,$€£ ()+-*/x×÷−")
_OPERATORS = frozenset("+-*/x×÷−")
_TOKEN = re.compile(r"(\d[\d,]*(?:\.\d+)?|\.\d+)|([-+*/()])")
_STATED = re.compile(r" {0,3}[$€£]? {0,2}(-?(?:\d[\d,]*(?:\.\d+)?|\.\d+))")
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?|\.\d+")
_SAME_SIGN = str.maketrans({"x": "*", "×": "*", "÷": "/", "−": "-", "$": "", "€": "", "£": ""})
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}


@dataclass(frozen=True, slots=True)
class Equation:
    """`left = stated` as it stands in a text: the numbers on the left, their value, and what was stated."""

    numbers: tuple[float, ...]
    value: float
    stated: float

    @property
    def holds(self) -> bool:
        """Whether both sides agree to 1%, or a hundredth."""
        return close(self.value, self.stated)


def close(a: float, b: float) -> bool:
    """Equal as far as rounding in a written calculation goes."""
    return abs(a - b) <= max(0.011, 0.01 * abs(a))


def numbers(text: str) -> list[float]:
    """Every unsigned number in a text, in order; a comma separates thousands."""
    return [float(found.replace(",", "")[:24]) for found in _NUMBER.findall(text)]


def equations(text: str) -> Iterator[Equation]:
    """The first equations of a text whose left side is plain arithmetic of two numbers or more."""
    return islice(_equations(text), MOST_EQUATIONS)


def _equations(text: str) -> Iterator[Equation]:
    at = text.find("=")
    while at >= 0:
        stated = _STATED.match(text, at + 1)
        start = at
        while start > max(0, at - _LONGEST) and text[start - 1] in _EXPRESSION:
            start -= 1
        left = text[start:at]
        if stated and any(sign in _OPERATORS for sign in left):
            value = evaluate(left)
            inside = tuple(numbers(left)[:_MOST_NUMBERS])
            if value is not None and len(inside) > 1:
                yield Equation(inside, value, float(stated[1].replace(",", "")[:24]))
        at = text.find("=", at + 1)


def evaluate(expression: str) -> float | None:
    """The value of + - * / and parentheses over numbers; None if it is not that, or not finite.

    Dijkstra's shunting yard, so no input makes it recurse. Words around the arithmetic are not looked past.
    """
    plain = expression.translate(_SAME_SIGN)
    if len(plain) > _LONGEST or _TOKEN.sub("", plain).strip():
        return None
    values: list[float] = []
    waiting: list[str] = []
    expects_value = True
    for match in _TOKEN.finditer(plain):
        number, sign = match.groups()
        if number is not None:
            if not expects_value:
                return None
            values.append(float(number.replace(",", "")[:24]))
            expects_value = False
        elif sign == "(" and expects_value:
            waiting.append(sign)
        elif sign == "-" and expects_value and not waiting and not values:
            values.append(0.0)
            waiting.append(sign)
        elif sign == ")" and not expects_value:
            if not _close_parenthesis(values, waiting):
                return None
        elif sign in _PRECEDENCE and not expects_value:
            _apply(values, waiting, least=_PRECEDENCE[sign])
            waiting.append(sign)
            expects_value = True
        else:
            return None
    return _finish(values, waiting, complete=not expects_value)


def _apply(values: list[float], waiting: list[str], *, least: int) -> None:
    """Carry out waiting operators that bind at least so strongly."""
    while waiting and waiting[-1] != "(" and _PRECEDENCE[waiting[-1]] >= least:
        sign = waiting.pop()
        right, left = values.pop(), values.pop()
        if sign == "+":
            values.append(left + right)
        elif sign == "-":
            values.append(left - right)
        elif sign == "*":
            values.append(left * right)
        else:
            values.append(left / right if right else math.nan)


def _close_parenthesis(values: list[float], waiting: list[str]) -> bool:
    _apply(values, waiting, least=0)
    if not waiting:
        return False
    waiting.pop()
    return True


def _finish(values: list[float], waiting: list[str], *, complete: bool) -> float | None:
    if not complete:
        return None
    _apply(values, waiting, least=0)
    if waiting or len(values) != 1 or not math.isfinite(values[0]):
        return None
    return values[0]
