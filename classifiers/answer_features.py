"""Hand-made features of an answer: does it hang together, does it use what was asked, what do the checks say.

Counted in constant time (`ANSWER_CLIP` characters) and without running anything: whether stated equations hold,
whether their numbers come from the question or from an earlier step, whether the result is the last thing
computed, hedging, code left unfinished, and the kind and number of diagnostics. No data set's format is
assumed: a result is what follows `####`, `\\boxed{`, `answer is` or `answer:`, else the last number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cascade.classifiers.arithmetic import Equation, close, equations, numbers
from cascade.classifiers.features import PROMPT_CLIP
from cascade.classifiers.hashing import clip
from cascade.types import Task, Verdict

ANSWER_CLIP = 8192
_MOST_NUMBERS = 64

_RESULT = re.compile(
    r"(?:####|\\boxed\{|\banswer(?: is|:)) {0,3}[$€£]?(-?(?:\d[\d,]*(?:\.\d+)?|\.\d+))", re.I
)
_HEDGES = re.compile(
    r"\b(?:however|actually|wait|assum\w*|approximately|about|mistake|sorry|unclear|not specified|perhaps|maybe"
    r"|probably|not sure)\b"
)
_CANNOT = re.compile(r"\b(?:cannot|can't|impossible|not possible|not enough|no way to)\b")
_UNFINISHED = re.compile(
    r"\b(?:todo|fixme|notimplemented\w*|your code here|placeholder)\b|^\s{0,40}\.\.\.$", re.M
)
_ALGEBRA = re.compile(r"\blet \w{1,20} be\b|\b\d{0,6}[xyn] ?[-+*/=]")
_WORD = re.compile(r"[a-z]+|%")
# Words that stand for a number in a question, and constants that need no source.
_STANDS_FOR = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60,
    "hundred": 100, "thousand": 1000, "dozen": 12, "half": 0.5, "twice": 2, "double": 2, "thrice": 3, "triple": 3,
    "third": 3, "quarter": 4, "quarters": 4, "percent": 100, "%": 100, "week": 7, "weeks": 7, "daily": 7,
    "hour": 60, "hours": 60, "minute": 60, "minutes": 60, "day": 24, "days": 24, "month": 30, "months": 12,
    "year": 12, "years": 12, "foot": 12, "feet": 12, "yard": 3, "yards": 3,
}  # fmt: skip
_CONSTANTS = (1.0, 2.0, 100.0)

ANSWER_FEATURES: tuple[str, ...] = (
    "answer_chars", "answer_lines", "answer_numbers", "answer_to_prompt", "equations", "equations_wrong",
    "any_equation_wrong", "unsourced_numbers", "unsourced_share", "negative_step", "fractional_steps",
    "steps_over_numbers", "largest_step", "repeated_step", "unused_steps", "additions", "subtractions",
    "multiplications", "divisions", "no_result", "result_size", "result_negative", "result_fractional",
    "result_fraction_of_count", "result_whole", "result_in_prompt", "result_is_last_step", "result_is_a_step",
    "result_over_largest", "result_over_smallest", "numbers_unused", "numbers_unused_share", "text_after_result",
    "hedges", "cannot", "algebra", "code_fences", "fence_open", "unfinished", "checks_failed", "checks_unchecked",
    "errors", "warnings", "distinct_codes",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A task with an answer to it, and what the checks said of it (None: not checked)."""

    task: Task
    answer: str
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was read out of question and answer."""

    answer: str
    asked: Sequence[float]
    said: Sequence[float]
    steps: Sequence[Equation]
    result: float | None

    @property
    def given(self) -> float:
        """The marked result, else the last number, else -1."""
        return self.result if self.result is not None else (self.said[-1] if self.said else -1.0)


def answer_features(item: Answered) -> tuple[float, ...]:
    """The values of `ANSWER_FEATURES`, in that order; all finite."""
    prompt = clip(item.task.prompt, PROMPT_CLIP)
    answer = clip(item.answer, ANSWER_CLIP)
    found = _RESULT.findall(answer)
    read = _Reading(
        answer=answer,
        asked=numbers(prompt),
        said=numbers(answer),
        steps=tuple(equations(answer)),
        result=float(found[-1].replace(",", "")[:24]) if found else None,
    )
    words = _WORD.findall(prompt.lower())
    return (
        math.log1p(len(item.answer)),
        math.log1p(answer.count("\n")),
        math.log1p(len(read.said)),
        math.log1p(len(item.answer)) - math.log1p(len(item.task.prompt)),
        *_of_steps(read, {float(_STANDS_FOR[word]) for word in words if word in _STANDS_FOR}),
        *_of_operations(answer),
        *_of_result(read, counts="how many" in prompt.lower()),
        *_of_use(read),
        *_of_wording(answer.lower()),
        *_of_checks(item.verdict),
    )


def _of_steps(read: _Reading, stands_for: set[float]) -> Iterable[float]:
    known = sorted({*read.asked[:_MOST_NUMBERS], *stands_for, *_CONSTANTS})
    wrong = sum(not step.holds for step in read.steps)
    unsourced = used = 0
    results: list[float] = []
    for step in read.steps:
        used += len(step.numbers)
        unsourced += sum(not any(close(x, y) for y in (*known, *results)) for x in step.numbers)
        results.append(step.stated)
    later = [{x for step in read.steps[k + 1 :] for x in step.numbers} for k in range(len(results))]
    unused = sum(not any(close(x, y) for y in after) for x, after in zip(results[:-1], later, strict=False))
    yield math.log1p(len(read.steps))
    yield math.log1p(wrong)
    yield float(wrong > 0)
    yield math.log1p(unsourced)
    yield unsourced / max(used, 1)
    yield float(any(x < 0 for x in results))
    yield math.log1p(sum(not x.is_integer() for x in results))
    yield min(max(len(results) - len(read.asked), -20), 20)
    yield math.log1p(max(map(abs, results), default=0.0)) - math.log1p(max(read.asked, default=0.0))
    yield float(len(set(results)) < len(results))
    yield math.log1p(unused)


def _of_operations(answer: str) -> Iterable[float]:
    for sign in (r"\d\)? ?\+", r"\d\)? ?[-−] ?[\d$(]", r"\d\)? ?[*×x] ?[\d$(]", r"\d\)? ?[/÷] ?[\d$(]"):
        yield math.log1p(len(re.findall(sign, answer)))


def _of_result(read: _Reading, *, counts: bool) -> Iterable[float]:
    given, results = read.given, [step.stated for step in read.steps]
    whole = given.is_integer()
    yield float(read.result is None)
    yield math.log1p(abs(given))
    yield float(given < 0)
    yield float(not whole)
    yield float(not whole and counts)
    yield float(whole and read.result is not None)
    yield float(given in read.asked)
    yield float(bool(results) and close(given, results[-1]))
    yield float(any(close(given, x) for x in results))
    yield math.log1p(abs(given)) - math.log1p(max(read.asked, default=0.0))
    yield math.log1p(abs(given)) - math.log1p(min(read.asked, default=0.0))


def _of_use(read: _Reading) -> Iterable[float]:
    asked, said = set(read.asked[:_MOST_NUMBERS]), sorted(set(read.said[: 4 * _MOST_NUMBERS]))
    unused = sum(not any(close(x, y) for y in said) for x in asked)
    yield math.log1p(unused)
    yield unused / max(len(asked), 1)


def _of_wording(low: str) -> Iterable[float]:
    marked = list(_RESULT.finditer(low))
    fences = low.count("```")
    yield math.log1p(len(low) - marked[-1].end()) if marked else 0.0
    yield math.log1p(len(_HEDGES.findall(low)))
    yield float(bool(_CANNOT.search(low)))
    yield math.log1p(len(_ALGEBRA.findall(low)))
    yield math.log1p(fences)
    yield float(fences % 2)
    yield math.log1p(len(_UNFINISHED.findall(low)))


def _of_checks(verdict: Verdict | None) -> Iterable[float]:
    reports = verdict.reports if verdict is not None else ()
    findings = verdict.diagnostics if verdict is not None else ()
    yield math.log1p(sum(report.status == "failed" for report in reports))
    yield math.log1p(sum(report.status == "unchecked" for report in reports))
    yield math.log1p(sum(one.severity == "error" for one in findings))
    yield math.log1p(sum(one.severity == "warning" for one in findings))
    yield math.log1p(len({one.code for one in findings}))
